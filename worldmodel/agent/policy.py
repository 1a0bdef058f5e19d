"""C as it is stored, sent to workers and played: parameters, and what gives them a meaning."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldmodel.models.controller import Controller, ControllerConfig
from worldmodel.run import checkpoint
from worldmodel.types import EnvSpec, FloatArray, UserError

KIND = "controller"


@dataclass(frozen=True, eq=False)
class Policy:
    """One controller, complete but for V and M; picklable.

    Attributes:
        params: (n,), its parameters; see `Controller` for their order.
        config: what it sees, and with which layers.
        offset: (F,), subtracted from the features.
        axes: (F, K), what its K components are made of; None without components.
        spec: the environment it acts in; its `squash` says how outputs become actions.
    """

    params: FloatArray
    config: ControllerConfig
    offset: FloatArray
    axes: FloatArray | None
    spec: EnvSpec

    @classmethod
    def zeros(
        cls,
        config: ControllerConfig,
        spec: EnvSpec,
        offset: FloatArray,
        axes: FloatArray | None = None,
    ) -> "Policy":
        """Where a search begins: all parameters are 0.

        Raises:
            ValueError: if there are fewer features (F) than `config.components`.
        """
        empty = cls(np.zeros(0, np.float32), config, offset, axes, spec)
        return empty.with_params(np.zeros(empty.controller().n_params, np.float32))

    def with_params(self, params: FloatArray) -> "Policy":
        """The same with other parameters (n,)."""
        return replace(self, params=np.asarray(params, np.float32))

    def with_spec(self, spec: EnvSpec) -> "Policy":
        """The same in the environment `spec`."""
        return replace(self, spec=spec)

    def controller(self) -> Controller:
        """What maps features to actions, for these and any other parameters."""
        axes = None if self.axes is None else torch.tensor(self.axes)
        return Controller(self.config, self.spec, torch.tensor(self.offset), axes)

    def describe(self) -> dict[str, Any]:
        """All but the parameters, for a checkpoint: tensors and plain types."""
        config = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.config).items()}
        return {
            "kind": KIND,
            "controller": config,
            "offset": torch.tensor(self.offset),
            "axes": None if self.axes is None else torch.tensor(self.axes),
            "spec": self.spec.to_dict(),
        }

    @classmethod
    def from_description(cls, about: Mapping[str, Any], params: FloatArray) -> "Policy":
        """Inverse of `describe`."""
        axes = about.get("axes")  # checkpoints from before there were components lack it
        return cls(
            np.asarray(params, np.float32),
            ControllerConfig(**about["controller"]),
            about["offset"].numpy(),
            None if axes is None else axes.numpy(),
            EnvSpec.from_dict(about["spec"]),
        )


def load_policy(path: Path) -> Policy:
    """The policy of a checkpoint that `train_controller` wrote: best.pt or mean.pt.

    Raises:
        UserError: if there is no such file, or it holds something else.
    """
    saved, about = _read(path)
    if "params" not in saved:
        raise UserError(f"{path} is a search, not a controller: use best.pt or mean.pt beside it.")
    with checkpoint.describing(path):
        return Policy.from_description(about, saved["params"].float().numpy())


def load_search(path: Path) -> Policy | None:
    """What the candidates of a search in progress (last.pt) have in common; None without a file.

    Its parameters are zeros.
    """
    if not path.exists():
        return None
    _, about = _read(path)
    with checkpoint.describing(path):
        found = Policy.from_description(about, np.zeros(0, np.float32))
    return found.with_params(np.zeros(found.controller().n_params, np.float32))


def models_of(path: Path) -> dict[str, Path]:
    """The files of V ("vae") and M ("mdnrnn") with which a checkpoint's controller was evolved."""
    _, about = _read(path)
    return {name: Path(about[name]) for name in ("vae", "mdnrnn")}


def check_spec(policy: Policy, now: EnvSpec, name: Path | str) -> Policy:
    """The policy in the environment `now`, if that is the one that it was evolved for.

    How its outputs become actions (`squash`) stays the policy's own.

    Raises:
        UserError: if it is another one, or has another frame skip; names the policy by `name`.
    """
    for key in ("id", "action_dim", "obs_shape", "frame_skip"):
        was, here = getattr(policy.spec, key), getattr(now, key)
        if was != here:
            raise UserError(
                f"{name} was evolved with {key} {was}, this call says {here}: use the env=… and "
                "experiment=… that it was trained with."
            )
    return policy.with_spec(replace(now, squash=policy.spec.squash))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    saved = checkpoint.load(path, ("about",))
    about = dict(saved["about"])
    if about.get("kind") != KIND:
        raise UserError(f"{path} is not a checkpoint of a {KIND}: point to the right file.")
    return saved, about
