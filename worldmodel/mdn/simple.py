"""Distributions beside mixtures: yes or no, one of many, and a single Gaussian."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from worldmodel.mdn.draw import draw_index
from worldmodel.mdn.temperature import Temperature


@dataclass(frozen=True, slots=True, eq=False)
class Bernoulli:
    """A yes or no (...) given by its logit."""

    logits: Tensor
    event_dim = 1

    @property
    def probability(self) -> Tensor:
        """Chance of a 1."""
        return torch.sigmoid(self.logits)

    @property
    def mode(self) -> Tensor:
        """The likelier of 0 and 1, in the type of the logits."""
        return (self.logits > 0).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability in nats of `value` (...) in {0, 1}."""
        target = value.to(self.logits.dtype)
        return -functional.binary_cross_entropy_with_logits(self.logits, target, reduction="none")

    @torch.no_grad()
    def sample(
        self, temperature: float | Temperature = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws 0 or 1, in the type of the logits, which are divided by the event temperature."""
        heat = Temperature.of(temperature).event
        if heat == 0:
            return self.mode
        return torch.bernoulli(torch.sigmoid(self.logits / heat), generator=generator)


@dataclass(frozen=True, slots=True, eq=False)
class Categorical:
    """One of N (...) given by unnormalised log weights (..., N)."""

    logits: Tensor
    event_dim = 1

    @property
    def probability(self) -> Tensor:
        """Chance (..., N) of each."""
        return self.logits.softmax(-1)

    @property
    def mode(self) -> Tensor:
        """Index (...) of the likeliest."""
        return self.logits.argmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability (...) in nats of the index `value` (...)."""
        return self.logits.log_softmax(-1).gather(-1, value.long().unsqueeze(-1)).squeeze(-1)

    @torch.no_grad()
    def sample(
        self, temperature: float | Temperature = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws an index (...); the logits are divided by the event temperature."""
        heat = Temperature.of(temperature).event
        return draw_index(self.logits.unsqueeze(-1), heat, generator).squeeze((-2, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A Gaussian over vectors (..., D) with independent dimensions.

    `log_sigma` is shaped as `mean`, or a number for all.
    """

    mean: Tensor
    log_sigma: Tensor

    @property
    def event_dim(self) -> int:
        """D."""
        return self.mean.shape[-1]

    @property
    def mode(self) -> Tensor:
        """The mean."""
        return self.mean

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (...) in nats of `value` (..., D)."""
        distance = (value.to(self.mean.dtype) - self.mean) * torch.exp(-self.log_sigma)
        return (-0.5 * (distance.square() + math.log(2 * math.pi)) - self.log_sigma).sum(-1)

    @torch.no_grad()
    def sample(
        self, temperature: float | Temperature = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw (..., D); the variance is multiplied by the scale temperature."""
        mean, scale = self.mean, Temperature.of(temperature).scale
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + math.sqrt(scale) * torch.exp(self.log_sigma) * noise
