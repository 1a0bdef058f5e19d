"""Negative log-likelihood with its unit said aloud.

Two figures are comparable only if unit, `per` and the scale of the data are the same, and no two
of the well-known codes report the same one; `worldmodel/mdn/README.md` has the table.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from .check import readable
from .temperature import Temperature

TOTAL = "total"  # what `Outputs.nll` calls the sum over all of them
Unit = Literal["nats", "bits"]
Per = Literal["sequence", "step", "dimension"]
Reduction = Literal["mean", "sum", "none"]


class Distribution(Protocol):
    """What every head returns."""

    @property
    def dim(self) -> int:
        """How many numbers one event has."""
        ...

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-likelihood (...) in nats."""
        ...

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws (*shape, …) for each of the batch."""
        ...


def nll(
    distribution: Distribution,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    unit: Unit = "nats",
    per: Per = "step",
    reduction: Reduction = "mean",
) -> Tensor:
    """Negative log-likelihood of a target under a distribution.

    Args:
        distribution: over (...), with time as the last of these where there is time.
        target: what happened, as its `log_prob` takes it.
        mask: (...), 1 for what counts and 0 for padding; None if everything counts. What stands
            in the padding does not matter, not even NaN.
        weight: (...), how much each counts; a mean is divided by their sum (not per sequence).
        unit: "nats", or "bits" (nats / ln 2).
        per: "step", one value with all its dimensions; "dimension", a step divided by these;
            "sequence", the sum over the last axis of (...), which is time.
        reduction: "mean" over what counts (0 if nothing does), "sum", or "none": (...), without
            the last axis if per sequence; 0 where masked.

    Raises:
        ValueError: for another word, a mask or weights of another shape, a mask of other numbers
            than 0 and 1, or a negative weight.
    """
    _check("unit", unit, Unit)
    _check("per", per, Per)
    _check("reduction", reduction, Reduction)
    known = None if mask is None else _known(mask, target)
    if known is not None:
        # Padding must not reach the density: a NaN there has a NaN gradient even if masked later.
        known_target = known.unsqueeze(-1) if target.ndim > known.ndim else known
        target = torch.where(known_target, target, torch.zeros_like(target))
    value = -distribution.log_prob(target)
    if known is None:
        known = torch.ones_like(value, dtype=torch.bool)
    elif known.shape != value.shape:
        raise ValueError(f"mask is {tuple(known.shape)}, the likelihoods {tuple(value.shape)}")
    value = torch.where(known, value, 0)
    counted = known.to(value.dtype)
    if weight is not None:
        counted = counted * _weights(weight, value)
        value = value * counted
    if unit == "bits":
        value = value / math.log(2)
    if per == "dimension":
        value = value / distribution.dim
    if per == "sequence":
        value, counted = value.sum(-1), known.any(-1).to(value.dtype)
    if reduction == "none":
        return value
    total = value.sum()
    if reduction == "sum":
        return total
    whole = counted.sum()
    return total / torch.where(whole > 0, whole, torch.ones_like(whole))


def _known(mask: Tensor, target: Tensor) -> Tensor:
    """The mask as truth values."""
    if mask.shape not in (target.shape, target.shape[:-1]):
        raise ValueError(f"mask is {tuple(mask.shape)}, the target {tuple(target.shape)}")
    if mask.dtype != torch.bool and readable(mask) and bool(((mask != 0) & (mask != 1)).any()):
        raise ValueError("a mask holds 0 and 1 alone: use weight= for what counts less")
    return mask > 0


def _weights(weight: Tensor, value: Tensor) -> Tensor:
    if weight.shape != value.shape:
        raise ValueError(f"weight is {tuple(weight.shape)}, the likelihoods {tuple(value.shape)}")
    if readable(weight) and not bool((weight >= 0).all()):
        raise ValueError("a weight is negative or NaN: use 0 or more")
    return weight.to(value.dtype)


class Outputs(dict[str, Distribution]):
    """Distributions by name: what several heads make of the same features."""

    def nll(
        self,
        targets: Mapping[str, Tensor],
        mask: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        unit: Unit = "nats",
        per: Per = "step",
        reduction: Reduction = "mean",
    ) -> dict[str, Tensor]:
        """Negative log-likelihood of each part and, as "total", of all together.

        Arguments and errors are those of `nll`; `targets` has the names of the distributions. Per
        dimension the total is divided by the dimensions of all parts.

        Raises:
            ValueError: if a target is missing or has no distribution.
        """
        if set(targets) != set(self):
            raise ValueError(f"targets are {sorted(targets)}, distributions {sorted(self)}")
        parts = {
            name: nll(
                self[name], target, mask, weight=weight, unit=unit, per=per, reduction=reduction
            )
            for name, target in targets.items()
        }
        sizes = {name: self[name].dim if per == "dimension" else 1 for name in parts}
        total = torch.stack([parts[name] * sizes[name] for name in parts]).sum(0)
        return parts | {TOTAL: total / (sum(sizes.values()) if per == "dimension" else 1)}

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Draws (*shape, …) from each, by name."""
        return {
            name: each.sample(shape, temperature=temperature, generator=generator)
            for name, each in self.items()
        }


def _check(name: str, value: str, kind: object) -> None:
    if value not in get_args(kind):
        raise ValueError(f"{name} is {value!r}: use {', '.join(get_args(kind))}")
