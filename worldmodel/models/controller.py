"""C: a small policy on what V and M know, evaluated for a whole population at once."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from worldmodel.types import EnvSpec

INPUTS = ("z", "h", "c")


@dataclass(frozen=True)
class ControllerConfig:
    """`inputs`: any of z (latent), h (hidden state), c (cell state), in this order.

    `sample_z`: act on z drawn from V's posterior as the paper does, instead of on its mean.
    `centre`: subtract the features' mean over the encoded episodes. It moves what is linear into
    the bias, so the controllers that can be expressed stay the same; but an LSTM's hidden state is
    far from zero on average, and without it every step of the search mostly turns the wheel.
    `components`: see only so many principal components of the centred features, scaled to unit
    variance; null: the features themselves. What is linear in them is linear in the features, and
    the search is over fewer parameters, none of which matters much less than the others.
    `hidden_units`: a layer of so many tanh units between; null for the paper's linear controller
    (its ablation has 40 on z).
    """

    inputs: tuple[str, ...]
    bias: bool
    sample_z: bool
    centre: bool
    hidden_units: int | None = None  # this and the next as before there was a choice
    components: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        unknown = set(self.inputs) - set(INPUTS)
        if unknown or not self.inputs:
            raise ValueError(f"controller.inputs is {self.inputs}: name some of {INPUTS}")
        if self.centre and not self.bias:
            raise ValueError("controller.centre=true needs controller.bias=true to stay linear")
        if self.components is not None and not self.centre:
            raise ValueError("controller.components needs controller.centre=true")
        if self.components is not None and self.components < 1:
            raise ValueError(
                f"controller.components is {self.components}: it must be at least 1 or null"
            )
        if self.hidden_units is not None and self.hidden_units < 1:
            raise ValueError(
                f"controller.hidden_units is {self.hidden_units}: it must be at least 1 or null"
            )


def count_features(inputs: Sequence[str], z_dim: int, hidden: int) -> int:
    """F, the length of `concat` for z of `z_dim` and h and c of `hidden` numbers."""
    sizes = {"z": z_dim, "h": hidden, "c": hidden}
    return sum(sizes[name] for name in inputs)


def concat(inputs: Sequence[str], parts: Mapping[str, Tensor]) -> Tensor:
    """The inputs of {"z": (..., Z), "h": (..., H), "c": (..., H)} side by side, (..., F)."""
    return torch.cat([parts[name] for name in inputs], -1)


class Controller:
    """Maps features to actions with parameters given at every call (Ha & Schmidhuber, eq. 2).

    It owns no weights: a population is one matrix (P, n_params), row by row the weights
    (action_dim, features) and then the biases (action_dim); with a hidden layer that layer's
    weights and biases come first.

    Args:
        config: what it sees.
        spec: its actions.
        offset: (F,), subtracted from the features, of which there are F.
        axes: (F, K), what the K `components` are made of; None for the first K features.

    Raises:
        ValueError: if there are fewer features than `components`.
    """

    def __init__(
        self,
        config: ControllerConfig,
        spec: EnvSpec,
        offset: Tensor,
        axes: Tensor | None = None,
    ) -> None:
        self.config = config
        self.spec = spec
        self.offset = offset.float()
        raw = len(offset)
        self.n_features, self.axes = raw, axes
        if config.components is not None:
            if config.components > raw:
                raise ValueError(
                    f"controller.components is {config.components}: there are {raw} features"
                )
            self.n_features = config.components
            self.axes = torch.eye(raw, config.components) if axes is None else axes.float()
        units = [config.hidden_units] if config.hidden_units is not None else []
        widths = [self.n_features, *units, spec.action_dim]
        self._layers = list(pairwise(widths))
        self.n_params = sum(after * (before + config.bias) for before, after in self._layers)
        if not spec.discrete:
            assert spec.action_low is not None
            assert spec.action_high is not None
            self._low = torch.tensor(spec.action_low)
            self._high = torch.tensor(spec.action_high)
            self._clip = torch.tensor(spec.clips)
            self._reach = torch.tensor(spec.reach)

    def to(self, device: torch.device | str) -> "Controller":
        """The same on another device."""
        moved = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        return moved

    def features(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Join the inputs {"z": (..., Z), "h": (..., H), "c": (..., H)}, centre them and, with
        `components`, project them: (..., n_features)."""
        centred = concat(self.config.inputs, parts) - self.offset
        return centred if self.axes is None else centred @ self.axes

    def act(self, params: Tensor, features: Tensor) -> Tensor:
        """Actions (P, R, action_dim) of P candidates on R rollouts each.

        Args:
            params: (P, n_params).
            features: (P, R, F).
        """
        return self._squash(self.logits(params, features))

    def logits(self, params: Tensor, features: Tensor) -> Tensor:
        """What `act` maps to the actions' range, (P, R, action_dim)."""
        at, x = 0, features
        for depth, (before, after) in enumerate(self._layers):
            if depth:
                x = torch.tanh(x)
            weight = params[:, at : at + after * before].reshape(-1, after, before)
            x, at = torch.bmm(x, weight.mT), at + after * before
            if self.config.bias:
                x, at = x + params[:, None, at : at + after], at + after
        return x

    def rebase(self, params: Tensor, offset: Tensor, axes: Tensor | None = None) -> Tensor:
        """Parameters (n,) that act on this controller's features as `params` did on features that
        were centred on `offset` (F,) and projected on `axes` (F, K').

        Exact up to what this controller's own components leave out.
        """
        if not self.config.bias:
            return params
        after, width = self._layers[0][1], len(offset) if axes is None else axes.shape[1]
        weight, rest = params[: after * width].view(after, width), params[after * width :].clone()
        weight = weight if axes is None else weight @ axes.T
        rest[:after] += weight @ (self.offset - offset)
        if self.axes is not None:
            weight = weight @ torch.linalg.pinv(self.axes).T
        return torch.cat([weight.flatten(), rest])

    def _squash(self, logits: Tensor) -> Tensor:
        if self.spec.discrete:
            best = logits.argmax(-1)
            return torch.nn.functional.one_hot(best, self.spec.action_dim).to(logits.dtype)
        raw = torch.tanh(logits)
        low, high = self._low, self._high
        scaled = low + (raw + 1) / 2 * (high - low)
        clipped = torch.maximum(torch.minimum(raw, high), low)
        return torch.where(self._clip, clipped, scaled) * self._reach
