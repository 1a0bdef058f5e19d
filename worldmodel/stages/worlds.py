"""Worlds put together from the files of earlier stages."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.agent.features import principal_axes, seen_features
from worldmodel.agent.load import check_spec, load_controller, load_mdnrnn, load_vae
from worldmodel.agent.transfer import transfer
from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentStore
from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import choose_backend
from worldmodel.models.controller import Controller, ControllerConfig
from worldmodel.rollout.real import UNCUT, BackendConfig, PlayerConfig, RealConfig, RealWorld
from worldmodel.run.hardware import pick_device
from worldmodel.types import FloatArray, UserError


class Worlds:
    """The real world and the dream of one run, for one kind of controller.

    Args:
        env: the environment.
        backend: how real environments are run.
        controller: what is evolved in them.
        run: tells where V, M and the latents lie.
        offset: of the controller's features; None takes their mean over the encoded episodes.
        axes: of its components; with `offset` None they are those of the encoded episodes.
        start: run whose controller's offset and axes serve where nothing is encoded.

    Raises:
        UserError: if V, M and the environment do not fit together.
    """

    def __init__(
        self,
        env: EnvConfig,
        backend: BackendConfig,
        controller: ControllerConfig,
        run: Any,
        offset: Tensor | None = None,
        axes: Tensor | None = None,
        start: str | None = None,
    ) -> None:
        self._env, self._backend, self._config, self._run = env, backend, controller, run
        self._vae = run.of("train_vae") / "checkpoints" / "best.pt"
        self._mdnrnn = run.of("train_mdnrnn") / "checkpoints" / "best.pt"
        self.spec = make_spec(env)
        vae, self._m = load_vae(self._vae), load_mdnrnn(self._mdnrnn)
        if self._m.z_dim != vae.config.z_dim or self._m.action_dim != self.spec.action_dim:
            raise UserError(
                f"{self._mdnrnn} predicts {self._m.z_dim} latents from {self._m.action_dim} action "
                f"numbers, but {self._vae} has {vae.config.z_dim} and {self.spec.id} takes "
                f"{self.spec.action_dim}: train M again for this environment, under another name=…"
            )
        sizes = vae.config.z_dim, self._m.config.hidden
        try:
            self.controller = Controller(controller, self.spec, *sizes, offset, axes)
        except ValueError as error:
            raise UserError(f"{error}.") from error
        if offset is None and controller.centre:
            self._fit_feature_axes(start)

    @property
    def models(self) -> dict[str, Path]:
        """Files of V and M."""
        return {"vae": self._vae, "mdnrnn": self._mdnrnn}

    def player(self, vector: str) -> PlayerConfig:
        """What a worker needs to play with this controller."""
        return PlayerConfig(
            self._env,
            self.spec,
            self._config,
            self.controller.offset.numpy(),
            self._vae,
            self._mdnrnn,
            vector,
            self._backend.threads,
            None if self.controller.axes is None else self.controller.axes.numpy(),
        )

    def real(self, config: RealConfig | None) -> RealWorld:
        """The real environment on the backend; None: without an early cut."""
        vector = choose_backend(self._env, self._backend.vector, self._run.say)
        return RealWorld(self.player(vector), self._backend, config or UNCUT)

    def dynamics(self, config: DreamConfig, device: str, members: Sequence[str] = ()) -> Dynamics:
        """M's predictions, begun in the collected episodes.

        `members` names other runs whose M dream instead, see `Dynamics`.
        """
        latents = LatentStore.open(self._run.of("encode") / "latents")
        if config.step_reward is None and not self._m.config.reward_head:
            raise UserError(
                "world=dream needs rewards: train M with mdnrnn.reward_head=true, or set "
                "world.config.step_reward."
            )
        others = [load_mdnrnn(self._run.other(name, "train_mdnrnn")) for name in members]
        where = pick_device(device)
        starts = (
            Starts.first_frames(*latents.first_frames())
            if config.burn_in is None
            else Starts.anywhere(latents, config.burn_in, config.first_share)
        )
        try:
            return Dynamics(self._m, starts, config, self.spec.frame_skip, where, others)
        except ValueError as error:
            raise UserError(f"world.members={list(members)}: {error}.") from error

    def dream(self, config: DreamConfig, device: str, members: Sequence[str] = ()) -> DreamWorld:
        """The same with this controller in it."""
        return DreamWorld(self.dynamics(config, device, members), self.controller)

    def start(self, name: str) -> FloatArray:
        """Parameters of the controller of the run `name`, to begin with in these worlds.

        Raises:
            UserError: if it sees or does something else than this one.
        """
        path = self._run.other(name, "train_controller")
        params, about = load_controller(path)
        squash = check_spec(about, self.spec, path).squash
        if squash != self.spec.squash:
            setting = f"env.squash=[{','.join(squash)}]"
            self._run.say(f"{name} was evolved with {setting}, this search begins with another")
        was = ControllerConfig(**about["controller"])
        now = self._config
        same = (was.inputs, was.bias, was.hidden_units) == (now.inputs, now.bias, now.hidden_units)
        if not same or len(about["offset"]) != len(self.controller.offset):
            raise UserError(
                f"{path} has {len(params)} parameters on {was.inputs}, this call makes "
                f"{self.controller.n_params} on {now.inputs}: use the same controller=…"
            )
        start = self._transfer(name, params, about)
        if start is None:
            start = self.controller.rebase(params, about["offset"], about.get("axes"))
        return start.numpy()

    def _transfer(self, name: str, params: Tensor, about: dict[str, Any]) -> Tensor | None:
        """Parameters that act on this V and M as `params` on those of the run `name`; None where
        these are the same, are missing, or there are no episodes to learn it from."""
        vae, mdnrnn = (self._run.other(name, stage) for stage in ("train_vae", "train_mdnrnn"))
        episodes = self._run.of("collect") / "episodes"
        linear = self._config.hidden_units is None and self._config.bias
        there = all(path.parent.exists() for path in (vae, mdnrnn, episodes))
        if (vae, mdnrnn) == (self._vae, self._mdnrnn) or not there or not linear:
            return None
        before = load_vae(vae), load_mdnrnn(mdnrnn)
        sizes = before[0].config.z_dim, before[1].config.hidden
        config = ControllerConfig(**about["controller"])
        read = Controller(config, self.spec, *sizes, about["offset"], about.get("axes"))
        # Not `self._m`: a dream may have taken that to a GPU.
        now = Agent(load_vae(self._vae), load_mdnrnn(self._mdnrnn), self.controller)
        fitted, missed = transfer(params, Agent(*before, read), now, EpisodeStore.open(episodes))
        errors = ", ".join(f"{value:.3f}" for value in missed)
        self._run.say(
            f"C of {name} is fitted to this V and M: its actions differ by {errors} "
            "(root mean square)"
        )
        return fitted

    def _fit_feature_axes(self, start: str | None) -> None:
        """Settle the features' offset and axes."""
        latents, components = self._run.of("encode") / "latents", self._config.components
        if start is not None and not latents.exists():
            _, about = load_controller(self._run.other(start, "train_controller"))
            self.controller.offset, axes = about["offset"], about.get("axes")
            if components is not None and (axes is None or axes.shape[1] != components):
                raise UserError(
                    f"{start} has no {components} components of the features and {latents} is "
                    "missing: run encode first, or use the same controller=…"
                )
            self.controller.axes = axes if components is not None else None
            return
        seen = seen_features(self.controller, self._m, LatentStore.open(latents))
        self.controller.offset = seen.mean(0)
        if components is not None:
            self.controller.axes = principal_axes(seen, components)

    def about(self) -> dict[str, Any]:
        """What a controller's checkpoint says of itself."""
        return {
            "kind": "controller",
            "controller": {k: list(v) if isinstance(v, tuple) else v
                           for k, v in asdict(self._config).items()},
            "offset": self.controller.offset,
            "axes": self.controller.axes,
            "spec": self.spec.to_dict(),
            **{model: str(path) for model, path in self.models.items()},
        }  # fmt: skip
