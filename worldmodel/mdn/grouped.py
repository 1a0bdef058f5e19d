"""Mixtures over groups of dimensions, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .check import check_value
from .mixture import Mixture
from .temperature import Temperature

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Grouped:
    """A vector of D numbers in groups, each with a mixture of its own.

    Dimensions depend on each other within a group and not across groups, as in RoboJam's touches:
    a bivariate mixture over (x, y) beside one over the time that passed. One group of everything
    is `joint`, a group for each number is `per_dim`.

    Args:
        parts: a mixture for each group, over as many dimensions as the group has.
        groups: the dimensions of each group; together every one of 0 … D-1 once.

    Raises:
        ValueError: if the groups leave a dimension out or do not fit the parts, or the parts have
            batches of different shape.
    """

    parts: tuple[Mixture, ...]
    groups: Groups

    def __post_init__(self) -> None:
        check_groups(self.groups)
        sizes = [part.dim for part in self.parts]
        if sizes != [len(group) for group in self.groups]:
            raise ValueError(f"mixtures over {sizes} dimensions do not fit groups {self.groups}")
        batches = [part.batch_shape for part in self.parts]
        if any(batch != batches[0] for batch in batches):
            raise ValueError(f"parts have batches {[*map(tuple, batches)]}: they must be the same")

    @property
    def dim(self) -> int:
        """D."""
        return sum(map(len, self.groups))

    @property
    def batch_shape(self) -> torch.Size:
        """(...), as torch's distributions have it."""
        return self.parts[0].batch_shape

    @property
    def event_shape(self) -> torch.Size:
        """(D,), as torch's distributions have it."""
        return torch.Size([self.dim])

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{list(group)}: {part!r}" for group, part in zip(self.groups, self.parts, strict=True)
        )
        return f"Grouped({parts})"

    def detach(self) -> "Grouped":
        """The same without gradients to the parameters."""
        return Grouped(tuple(part.detach() for part in self.parts), self.groups)

    def to(self, where: torch.device | torch.dtype | str) -> "Grouped":
        """The same on another device, or in another precision: float32 or float64."""
        return Grouped(tuple(part.to(where) for part in self.parts), self.groups)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (...) in nats of `value` (..., D)."""
        return self.log_prob_per_group(value).sum(-1)

    def log_prob_per_group(self, value: Tensor) -> Tensor:
        """Log density (..., groups) in nats of each group of `value` (..., D)."""
        pairs = zip(self.parts, self._split(value), strict=True)
        return torch.stack([part.log_prob(given) for part, given in pairs], -1)

    def pdf(self, value: Tensor) -> Tensor:
        """Density (...) of `value` (..., D)."""
        return self.log_prob(value).exp()

    def responsibilities(self, value: Tensor) -> tuple[Tensor, ...]:
        """Chance of each component of each group to have drawn `value` (..., D)."""
        pairs = zip(self.parts, self._split(value), strict=True)
        return tuple(part.responsibilities(given) for part, given in pairs)

    def entropy(self, samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Monte Carlo estimate (...) of the entropy in nats: the sum over the groups."""
        return torch.stack([part.entropy(samples, generator) for part in self.parts]).sum(0)

    def expand(self, *sizes: int) -> "Grouped":
        """The same mixtures repeated along new leading dimensions, without a copy."""
        return Grouped(tuple(part.expand(*sizes) for part in self.parts), self.groups)

    def affine(self, scale: float | Tensor, shift: float | Tensor = 0.0) -> "Grouped":
        """The mixture of scale · value + shift; each is a number or one for each dimension (D,)."""
        factors, offsets = (
            self._per_group(name, given) for name, given in (("scale", scale), ("shift", shift))
        )
        parts = zip(self.parts, factors, offsets, strict=True)
        return Grouped(tuple(part.affine(*given) for part, *given in parts), self.groups)

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw values (*shape, ..., D); see `Mixture.sample`."""
        return self._join(
            [part.sample(shape, temperature=temperature, generator=generator)
             for part in self.parts]
        )  # fmt: skip

    def rsample(
        self, shape: Sequence[int] = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws (*shape, ..., D) that pass gradients, see `Mixture.rsample`."""
        return self._join([part.rsample(shape, generator=generator) for part in self.parts])

    @property
    def mean(self) -> Tensor:
        """Mean (..., D)."""
        return self._join([part.mean for part in self.parts])

    @property
    def variance(self) -> Tensor:
        """Variance (..., D) of each dimension."""
        return self._join([part.variance for part in self.parts])

    @property
    def stddev(self) -> Tensor:
        """Standard deviation (..., D) of each dimension."""
        return self._join([part.stddev for part in self.parts])

    @property
    def likeliest_mean(self) -> Tensor:
        """Mean (..., D) of the likeliest component of each group."""
        return self._join([part.likeliest_mean for part in self.parts])

    def _per_group(self, name: str, given: float | Tensor) -> list[Tensor]:
        """A number, or one for each dimension, as one for each dimension of each group."""
        mu = self.parts[0].mu
        numbers = torch.as_tensor(given, dtype=mu.dtype, device=mu.device)
        if numbers.ndim and numbers.shape != (self.dim,):
            raise ValueError(f"{name} is {tuple(numbers.shape)}: use a number, or ({self.dim},)")
        return self._split(numbers.expand(self.dim))

    def _split(self, value: Tensor) -> list[Tensor]:
        check_value(value, self.dim)
        return [value[..., list(group)] for group in self.groups]

    def _join(self, values: Sequence[Tensor]) -> Tensor:
        order = [dim for group in self.groups for dim in group]
        back = sorted(range(len(order)), key=order.__getitem__)
        return torch.cat(list(values), -1)[..., back]


def check_groups(groups: Groups) -> None:
    """Groups hold every dimension from 0 on exactly once.

    Raises:
        ValueError: if they don't.
    """
    dims = sorted(dim for group in groups for dim in group)
    if not dims or dims != list(range(len(dims))) or not all(groups):
        raise ValueError(f"groups are {groups}: they must hold each of 0 … D-1 once, none empty")
