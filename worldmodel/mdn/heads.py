"""Linear heads that turn features into distributions."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from worldmodel.mdn.mixture import FACTORIZATIONS, Factorization, Mixture


class FullPrecisionLinear(nn.Linear):
    """A linear layer that autocast leaves alone: likelihoods need more than 8 bits of mantissa."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., in_features) of any float type to (..., out_features) in the weights' type."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.to(self.weight.dtype))


class MixtureHead(nn.Module):
    """Features to a mixture of Gaussians, by one linear layer.

    Log-sigma is bounded by c + h·tanh(x/g + b), a smooth increasing map onto
    (log_sigma_min, log_sigma_max) with b and g such that 0 maps to 0 with slope 1: around 0 it is
    the paper's unbounded log-sigma. The lower bound keeps the likelihood of constant dimensions
    finite, the upper one keeps a dream from exploding.

    Args:
        in_features: size of the features.
        event_dim: D, size of the vector that is predicted.
        components: K.
        factorization: "per_dim" (3KD outputs, the paper) or "joint" (K(2D + 1) outputs).
        log_sigma_min: below 0.
        log_sigma_max: above 0.

    Raises:
        ValueError: for a size below 1, an unknown factorization or bounds that don't enclose 0.
    """

    def __init__(
        self,
        in_features: int,
        event_dim: int,
        components: int,
        factorization: Factorization,
        log_sigma_min: float,
        log_sigma_max: float,
    ) -> None:
        super().__init__()
        if factorization not in FACTORIZATIONS:
            raise ValueError(f"factorization is {factorization!r}: use per_dim or joint")
        if min(event_dim, components) < 1:
            raise ValueError(f"event_dim is {event_dim}, components {components}: use at least 1")
        if not log_sigma_min < 0 < log_sigma_max:
            raise ValueError(
                f"log_sigma_min is {log_sigma_min} and log_sigma_max {log_sigma_max}: "
                "0 must lie between them"
            )
        self.event_dim, self.components = event_dim, components
        self.factorization: Factorization = factorization
        self._center = (log_sigma_max + log_sigma_min) / 2
        self._half = (log_sigma_max - log_sigma_min) / 2
        self._offset = math.atanh(-self._center / self._half)
        self._gain = 1 / (self._half * (1 - (self._center / self._half) ** 2))
        weights = components * event_dim if factorization == "per_dim" else components
        self._sizes = (weights, components * event_dim, components * event_dim)
        self.linear = FullPrecisionLinear(in_features, sum(self._sizes))

    def forward(self, features: Tensor) -> Mixture:
        """(..., in_features) to a mixture over (..., event_dim)."""
        logits, mu, raw = self.linear(features).split(self._sizes, -1)
        shape = (self.components, self.event_dim)
        mu, log_sigma = mu.unflatten(-1, shape), self.bound(raw).unflatten(-1, shape)
        if self.factorization == "joint":
            return Mixture(logits, mu, log_sigma, "joint")
        return Mixture(logits.unflatten(-1, shape).mT, mu.mT, log_sigma.mT, "per_dim")

    def bound(self, raw: Tensor) -> Tensor:
        """Raw output to log-sigma within the bounds."""
        return self._center + self._half * torch.tanh(raw * self._gain + self._offset)


@dataclass(frozen=True, slots=True, eq=False)
class Bernoulli:
    """A yes or no (...) given by its logit."""

    logits: Tensor

    @property
    def probability(self) -> Tensor:
        """Chance of a 1."""
        return torch.sigmoid(self.logits)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability in nats of `value` (...) in {0, 1}."""
        target = value.to(self.logits.dtype)
        return -functional.binary_cross_entropy_with_logits(self.logits, target, reduction="none")

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draws 0 or 1, in the type of the logits."""
        return torch.bernoulli(self.probability, generator=generator)


class BernoulliHead(nn.Module):
    """Features to the chance of an event, by one linear layer with one output."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.linear = FullPrecisionLinear(in_features, 1)

    def forward(self, features: Tensor) -> Bernoulli:
        """(..., in_features) to a Bernoulli over (...)."""
        return Bernoulli(self.linear(features).squeeze(-1))


@dataclass(frozen=True, slots=True, eq=False)
class UnitNormal:
    """A Gaussian over vectors (..., D) with learned mean and sigma 1."""

    mean: Tensor

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (...) in nats of `value` (..., D)."""
        distance = (value.to(self.mean.dtype) - self.mean).square().sum(-1)
        return -0.5 * (distance + self.mean.shape[-1] * math.log(2 * math.pi))

    @torch.no_grad()
    def sample(self, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw (..., D) with variance `temperature`."""
        mean = self.mean
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + math.sqrt(temperature) * noise


class NormalHead(nn.Module):
    """Features to a Gaussian of fixed sigma 1: least squares, so its mean is unbiased.

    Made for targets that are standardised beforehand, such as rewards. With a learned sigma a
    target that is almost always the same would outweigh every rare one.
    """

    def __init__(self, in_features: int, event_dim: int) -> None:
        super().__init__()
        self.linear = FullPrecisionLinear(in_features, event_dim)

    def forward(self, features: Tensor) -> UnitNormal:
        """(..., in_features) to a Gaussian over (..., event_dim)."""
        return UnitNormal(self.linear(features))
