"""Worlds put together from the files of earlier stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.agent.features import fit_feature_axes
from worldmodel.agent.load import load_mdnrnn, load_vae
from worldmodel.agent.policy import Policy, load_policy
from worldmodel.data.latents import LatentStore
from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.envs.make import EnvConfig
from worldmodel.envs.vector import choose_backend
from worldmodel.models.controller import ControllerConfig, count_features
from worldmodel.rollout.real import BackendConfig, PlayerConfig, RealConfig, RealWorld
from worldmodel.run.hardware import pick_device
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.run import Run
from worldmodel.stages.starts import dream_starts
from worldmodel.types import EnvSpec, FloatArray, UserError


class Worlds:
    """The real world and the dream of one run, with its V and M.

    Args:
        env: the environment.
        spec: of that environment.
        backend: how real environments are run.
        run: tells where V, M and the latents lie.

    Raises:
        UserError: if V, M and the environment do not fit together.
    """

    def __init__(self, env: EnvConfig, spec: EnvSpec, backend: BackendConfig, run: Run) -> None:
        self._env, self._backend, self._run = env, backend, run
        self.spec = spec
        self.models = {
            "vae": checkpoint_path(run.of("train_vae")),
            "mdnrnn": checkpoint_path(run.of("train_mdnrnn")),
        }
        self.vae, self._mdnrnn = load_vae(self.models["vae"]), load_mdnrnn(self.models["mdnrnn"])
        z_dim, m = self.vae.config.z_dim, self._mdnrnn
        if m.z_dim != z_dim or m.action_dim != spec.action_dim:
            raise UserError(
                f"{self.models['mdnrnn']} predicts {m.z_dim} latents from {m.action_dim} action "
                f"numbers, but {self.models['vae']} has {z_dim} and {spec.id} takes "
                f"{spec.action_dim}: train M again for this environment, under another name=…"
            )

    # ---- the controller -----------------------------------------------------------------------

    def new_policy(self, config: ControllerConfig, start: str | None) -> Policy:
        """Where a search for a controller of this kind begins: zeros.

        The features' offset and axes are fitted to the encoded episodes; where nothing is encoded,
        they are those of the run `start`.

        Raises:
            UserError: if there is nothing to fit them to, or too few features.
        """
        try:
            offset, axes = self._offset_and_axes(config, start)
            return Policy.zeros(config, self.spec, offset, axes)
        except ValueError as error:
            raise UserError(f"{error}.") from error

    def describe(self, policy: Policy) -> dict[str, Any]:
        """What the checkpoints of a policy of these worlds say of it."""
        return policy.describe() | {name: str(path) for name, path in self.models.items()}

    def _offset_and_axes(
        self, config: ControllerConfig, start: str | None
    ) -> tuple[FloatArray, FloatArray | None]:
        sizes = self.vae.config.z_dim, self._mdnrnn.config.hidden
        if not config.centre:
            return np.zeros(count_features(config.inputs, *sizes), np.float32), None
        latents = self._run.of("encode") / "latents"
        if start is None or latents.exists():
            return fit_feature_axes(config, self._mdnrnn, LatentStore.open(latents))
        before = load_policy(self._run.other(start, "train_controller"))
        if config.components is None:
            return before.offset, None
        if before.axes is None or before.axes.shape[1] != config.components:
            raise UserError(
                f"{start} has no {config.components} components of the features and {latents} is "
                "missing: run encode first, or use the same controller=…"
            )
        return before.offset, before.axes

    # ---- the worlds ---------------------------------------------------------------------------

    def player(self, policy: Policy, vector: str) -> PlayerConfig:
        """What a worker needs to play with a policy of this kind."""
        files = self.models["vae"], self.models["mdnrnn"]
        backend = self._backend
        return PlayerConfig(
            self._env, policy, *files, vector, backend.threads, backend.chosen_precision
        )

    def real(self, policy: Policy, config: RealConfig | None) -> RealWorld:
        """The real environment for policies of this kind; config None: without an early cut."""
        vector = choose_backend(self._env, self._backend.vector, self._run.say)
        return RealWorld(self.player(policy, vector), self._backend, config)

    def dynamics(
        self,
        config: DreamConfig,
        device: str,
        members: Sequence[str] = (),
        or_first_frames: bool = False,
    ) -> Dynamics:
        """M's predictions, begun in the collected episodes.

        Where there are none, that is an error, or with `or_first_frames` they begin as in
        `dream_starts`.

        `members` names other runs whose M dream instead, see `Dynamics`.

        Raises:
            UserError: if nothing gives rewards, or a member has other sizes.
        """
        if config.step_reward is None and not self._mdnrnn.config.reward_head:
            raise UserError(
                "world=dream needs rewards: train M with mdnrnn.reward_head=true, or set "
                "world.config.step_reward."
            )
        others = [load_mdnrnn(self._run.other(name, "train_mdnrnn")) for name in members]
        where = pick_device(device)
        # One M for the dream, another for the search: the dream's may move to a GPU.
        mdnrnn = load_mdnrnn(self.models["mdnrnn"])
        if or_first_frames:
            run = self._run
            starts = dream_starts(run.of, config, self._env, self.vae, mdnrnn, run.seed)
        else:
            store = LatentStore.open(self._run.of("encode") / "latents")
            starts = Starts.of(store, config.burn_in, config.first_share)
        try:
            return Dynamics(mdnrnn, starts, config, self.spec.frame_skip, where, others)
        except ValueError as error:
            raise UserError(f"world.members={list(members)}: {error}.") from error

    def dream(
        self, policy: Policy, config: DreamConfig, device: str, members: Sequence[str] = ()
    ) -> DreamWorld:
        """The dream for policies of this kind."""
        return DreamWorld(self.dynamics(config, device, members), policy.controller())


def model_files(run: Run, name: str) -> tuple[Path, Path]:
    """Checkpoints of V and M of the run `name`."""
    return run.other(name, "train_vae"), run.other(name, "train_mdnrnn")
