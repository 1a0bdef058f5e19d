"""Distributions beside mixtures: yes or no, one of many, and a single Gaussian."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .check import check_numbers, check_shape, check_value, common_batch, readable, widen
from .draw import COLDEST, draw_index, normal
from .temperature import Temperature


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bernoulli:
    """A yes or no (...) given by its logit; half precision is widened to float32."""

    logits: Tensor
    dim = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "logits", widen(self.logits))

    def __repr__(self) -> str:
        return f"Bernoulli(batch {tuple(self.logits.shape)})"

    @property
    def probs(self) -> Tensor:
        """Chance of a 1."""
        return torch.sigmoid(self.logits)

    @property
    def mode(self) -> Tensor:
        """The likelier of 0 and 1, in the type of the logits."""
        return (self.logits > 0).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability in nats of `value` (...) in {0, 1}.

        Raises:
            ValueError: for another shape or other numbers, or logits that are NaN.
        """
        batch = common_batch(self.logits.shape, value.shape)
        if readable(value) and bool(((value != 0) & (value != 1)).any()):
            raise ValueError("an event is 0 or 1, these hold other numbers")
        check_numbers(logits=self.logits)
        target = value.to(self.logits.dtype).expand(batch)
        logits = self.logits.expand(batch)
        return -functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws 0 or 1 (*shape, ...), of logits that are divided by the event temperature."""
        heat = Temperature.of(temperature).event
        check_numbers(logits=self.logits)
        if heat < COLDEST:
            return self.mode.expand(*check_shape(shape), *self.logits.shape)
        chance = torch.sigmoid(self.logits.detach() / heat).expand(*shape, *self.logits.shape)
        return torch.bernoulli(chance, generator=generator)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Categorical:
    """One of N (...) given by unnormalised log weights (..., N).

    Half precision is widened to float32.

    Raises:
        ValueError: for logits without an axis, or with nothing to choose from.
    """

    logits: Tensor
    dim = 1

    def __post_init__(self) -> None:
        if not self.logits.ndim or not self.logits.shape[-1]:
            raise ValueError(f"logits are {tuple(self.logits.shape)}: use (..., N) for one of N")
        object.__setattr__(self, "logits", widen(self.logits))

    def __repr__(self) -> str:
        return f"Categorical(batch {tuple(self.logits.shape[:-1])}, N {self.logits.shape[-1]})"

    @property
    def probs(self) -> Tensor:
        """Chance (..., N) of each."""
        return self.logits.softmax(-1)

    @property
    def mode(self) -> Tensor:
        """Index (...) of the likeliest."""
        return self.logits.argmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability (...) in nats of the index `value` (...).

        Raises:
            ValueError: for shapes that do not fit, other numbers than 0 … N - 1, or logits that are
                NaN.
        """
        check_numbers(logits=self.logits)
        many = self.logits.shape[-1]
        known = (value >= 0) & (value < many) & (value == value.long())
        if readable(value) and not bool(known.all()):
            raise ValueError(f"a choice is one of 0 … {many - 1}, these hold other numbers")
        batch = common_batch(self.logits.shape[:-1], value.shape)
        weight = self.logits.log_softmax(-1).expand(*batch, self.logits.shape[-1])
        return weight.gather(-1, value.long().expand(batch).unsqueeze(-1)).squeeze(-1)

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws indices (*shape, ...), of logits that are divided by the event temperature."""
        heat = Temperature.of(temperature).event
        check_numbers(logits=self.logits)
        logits = self.logits.detach().expand(*check_shape(shape), *self.logits.shape)
        return draw_index(logits.unsqueeze(-1), heat, generator).squeeze((-2, -1))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Normal:
    """A Gaussian over vectors (..., D) with independent dimensions.

    `log_sigma` is shaped as `mu`, or a number for all. Half precision is widened to float32.

    Raises:
        ValueError: for another shape.
    """

    mu: Tensor
    log_sigma: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_sigma", torch.as_tensor(self.log_sigma))
        if not self.mu.ndim or self.log_sigma.shape not in (self.mu.shape, ()):
            raise ValueError(
                f"a Gaussian can't have mu {tuple(self.mu.shape)} and log_sigma "
                f"{tuple(self.log_sigma.shape)}"
            )
        object.__setattr__(self, "mu", widen(self.mu))
        object.__setattr__(self, "log_sigma", widen(self.log_sigma))

    def __repr__(self) -> str:
        return f"Normal(batch {tuple(self.mu.shape[:-1])}, D {self.dim})"

    @property
    def dim(self) -> int:
        """D."""
        return self.mu.shape[-1]

    @property
    def mean(self) -> Tensor:
        """Mean (..., D), which is also the likeliest value."""
        return self.mu

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (...) in nats of `value` (..., D).

        Raises:
            ValueError: for a value of another size, or parameters that are NaN.
        """
        check_value(value, self.dim)
        common_batch(self.mu.shape[:-1], value.shape[:-1])
        check_numbers(mu=self.mu, log_sigma=self.log_sigma)
        distance = (value.to(self.mu.dtype) - self.mu) * torch.exp(-self.log_sigma)
        return (-0.5 * (distance.square() + math.log(2 * math.pi)) - self.log_sigma).sum(-1)

    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw (*shape, ..., D); the variance is multiplied by the scale temperature."""
        mu, scale = self.mu.detach(), Temperature.of(temperature).scale
        check_numbers(mu=self.mu, log_sigma=self.log_sigma)
        size = (*check_shape(shape), *mu.shape)
        noise = normal(mu, size, generator)
        return mu + math.sqrt(scale) * torch.exp(self.log_sigma.detach()) * noise
