"""Mixtures of Gaussians as distribution objects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from . import correlation
from .check import check_numbers, check_value, common_batch, readable, widen
from .draw import pick_index
from .implicit import HALF_LOG_TWO_PI, implicit, implicit_vectors
from .temperature import Temperature

Factorization = Literal["per_dim", "joint"]
FACTORIZATIONS: tuple[str, ...] = get_args(Factorization)


class _Aligned(NamedTuple):
    """The parameters with the component axis before the dimension axis."""

    logits: Tensor  # (..., K, D) per_dim, (..., K, 1) joint
    mu: Tensor  # (..., K, D)
    log_sigma: Tensor  # (..., K, D), or (..., K, 1) for one sigma in all dimensions


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A mixture of K Gaussians over vectors of D numbers (Bishop 1994).

    `per_dim`: every dimension picks its own component, independently of the others, as M does in
    Ha & Schmidhuber 2018: D mixtures of K numbers. `joint`: one component is picked for the whole
    vector: K modes, and dimensions depend on each other through the pick. With D = 1 the two are
    the same distribution. Several joint mixtures side by side are a `Grouped`.

    The covariance of a component is diagonal; or isotropic, with one sigma for all dimensions; or
    full, with partial correlations beside the sigmas. At D = 2 the full one is the bivariate
    Gaussian with rho = tanh(partial) of Graves 2013.

    Half-precision parameters are widened to float32; float32 and float64 are kept. The density is
    only ever handled as a logarithm, so it is exact and has a gradient however far the value is.

    Args:
        logits: unnormalised log weights, (..., D, K) per_dim, (..., K) joint.
        mu: component means, (..., D, K) per_dim, (..., K, D) joint.
        log_sigma: log standard deviations, shaped as `mu`; (..., K, 1) for isotropic components.
        factorization: "per_dim" or "joint".
        partial: inverse hyperbolic tangents of the partial correlations, (..., K, D(D-1)/2), see
            `worldmodel.mdn.correlation`; joint only, None for no correlation.

    Raises:
        ValueError: for another factorization, complex numbers, or shapes that do not fit each
            other. Where torch is not compiling and nothing lies on a GPU, what computes with
            parameters refuses NaN in them.
    """

    logits: Tensor
    mu: Tensor
    log_sigma: Tensor
    factorization: Factorization
    partial: Tensor | None = None

    def __post_init__(self) -> None:
        if self.factorization not in FACTORIZATIONS:
            raise ValueError(f"factorization is {self.factorization!r}: use per_dim or joint")
        if not self._fits():
            correlated = "" if self.partial is None else f", partial {tuple(self.partial.shape)}"
            raise ValueError(
                f"a {self.factorization} mixture can't have logits {tuple(self.logits.shape)}, "
                f"mu {tuple(self.mu.shape)} and log_sigma {tuple(self.log_sigma.shape)}{correlated}"
            )
        for name in ("logits", "mu", "log_sigma"):
            object.__setattr__(self, name, widen(getattr(self, name)))
        if self.partial is not None:
            object.__setattr__(self, "partial", widen(self.partial))

    @property
    def event_dim(self) -> int:
        """D."""
        return self.mu.shape[-2 if self.factorization == "per_dim" else -1]

    @property
    def batch_shape(self) -> torch.Size:
        """(...), as torch's distributions have it."""
        return self.mu.shape[:-2]

    @property
    def event_shape(self) -> torch.Size:
        """(D,), as torch's distributions have it."""
        return torch.Size([self.event_dim])

    def detach(self) -> "Mixture":
        """The same without gradients to the parameters."""
        return self._each(lambda parameter: parameter.detach())

    def to(self, where: torch.device | torch.dtype | str) -> "Mixture":
        """The same on another device, or in another precision: float32 or float64."""
        return self._each(lambda parameter: parameter.to(where))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (...) in nats of `value` (..., D), summed over the D dimensions.

        Raises:
            ValueError: for a value of another size, or parameters that are NaN.
        """
        if self.factorization == "per_dim":
            return self.log_prob_per_dim(value).sum(-1)
        return self._known(torch.logsumexp(self._weighted(value), -1))

    def log_prob_each(self, value: Tensor) -> Tensor:
        """Log density (..., K) in nats of `value` (..., D) under each component of a joint mixture.

        Raises:
            ValueError: for a per_dim mixture, or a value of another size.
        """
        if self.factorization == "per_dim":
            raise ValueError("components of a per_dim mixture are numbers: use log_prob_per_dim")
        return self._weighted(value) - self.logits.log_softmax(-1)

    def log_prob_per_dim(self, value: Tensor) -> Tensor:
        """Log density (..., D) in nats of each dimension of `value` (..., D).

        Raises:
            ValueError: for a joint mixture, whose density is not a product over dimensions.
        """
        if self.factorization == "joint":
            raise ValueError("a joint mixture has no density per dimension: use log_prob")
        return self._known(torch.logsumexp(self._weighted(value), -2))

    def pdf(self, value: Tensor) -> Tensor:
        """Density (...) of `value` (..., D). Underflows where D is large: train on log_prob."""
        return self.log_prob(value).exp()

    def cdf(self, value: Tensor) -> Tensor:
        """Chance (...) of a number below `value` (..., 1).

        Raises:
            ValueError: for D > 1, where a vector has no order.
        """
        if self.event_dim != 1:
            raise ValueError(f"a cdf needs 1 dimension, this mixture has {self.event_dim}")
        below = torch.special.ndtr(self._distance(value))
        # Weights add up to 1 within rounding only.
        return self._known((self._aligned().logits.softmax(-2) * below).sum((-2, -1)).clamp(max=1))

    def responsibilities(self, value: Tensor) -> Tensor:
        """Chance of each component to have drawn `value` (..., D), shaped as `logits`.

        Bishop 1994, the posterior over components.
        """
        if self.factorization == "per_dim":
            return self._weighted(value).softmax(-2).mT
        return self._weighted(value).softmax(-1)

    @torch.no_grad()
    def entropy(self, samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Monte Carlo estimate (...) of the entropy in nats from `samples` draws of each mixture.

        Unbiased; its error falls as 1/√samples. A mixture's entropy has no closed form; that of a
        single component has, and is exact.

        Raises:
            ValueError: for less than one sample.
        """
        if samples < 1:
            raise ValueError(f"samples is {samples}: use at least 1")
        if self._aligned().logits.shape[-2] == 1:
            return self._entropy_single()
        many = self.expand(samples)
        return -many.log_prob(many.sample(generator=generator)).mean(0)

    def expand(self, *sizes: int) -> "Mixture":
        """The same mixtures repeated along new leading dimensions, without a copy."""
        return self._each(lambda parameter: parameter.expand(*sizes, *parameter.shape))

    def affine(self, scale: float | Tensor, shift: float | Tensor = 0.0) -> "Mixture":
        """The mixture of scale · value + shift; each is a number or one for each dimension (D,).

        With the deviation and the mean of the data, a density of standardised data becomes one of
        the data: nats grow by the sum of ln |scale|.

        Raises:
            ValueError: for other shapes, or a scale with a 0 in it, which leaves no density.
        """
        factor, offset = self._per_dimension("scale", scale), self._per_dimension("shift", shift)
        if readable(factor) and bool((factor == 0).any()):
            raise ValueError("a mixture can't be scaled by 0")
        partial = self.partial
        if partial is not None:
            partial = correlation.reflect(partial, factor.sign().expand(self.event_dim))
        if self.factorization == "per_dim":
            factor, offset = factor.unsqueeze(-1), offset.unsqueeze(-1)
        log_sigma = self.log_sigma + factor.abs().log()
        return replace(self, mu=self.mu * factor + offset, log_sigma=log_sigma, partial=partial)

    @torch.no_grad()
    def sample(
        self,
        shape: Sequence[int] = (),
        *,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw values (*shape, ..., D) from every mixture of the batch, as torch's `sample` does.

        A number τ as in Ha & Schmidhuber 2018: logits are divided by τ and the variance of the
        picked component is multiplied by τ; a `Temperature` sets the two apart. τ = 0 draws nothing
        and returns `mode`.

        Raises:
            ValueError: if a temperature is negative, or a parameter NaN.
        """
        heat = Temperature.of(temperature)
        if shape:
            many = self.expand(*shape)
            return many.sample(temperature=heat, generator=generator)
        check_numbers(logits=self.logits)
        if heat.mixture == heat.scale == 0:
            return self.mode
        like: dict[str, Any] = {
            "generator": generator,
            "dtype": self.mu.dtype,
            "device": self.mu.device,
        }
        uniform = torch.rand(*self.mu.shape[:-2], self.picks, **like)
        noise = torch.randn(*self.mu.shape[:-2], self.event_dim, **like)
        return self.transport(uniform, noise, heat)

    @property
    def picks(self) -> int:
        """How many components a draw picks: D per_dim, 1 joint."""
        return self.event_dim if self.factorization == "per_dim" else 1

    @torch.no_grad()
    def transport(
        self, uniform: Tensor, noise: Tensor, temperature: float | Temperature = 1.0
    ) -> Tensor:
        """The draw (..., D) that given random numbers select, see `sample`.

        The same numbers for several mixtures give draws that differ only as the mixtures do.

        Args:
            uniform: in [0, 1), picks components: (..., picks).
            noise: standard normal (..., D), places the draw within its component.
            temperature: as in `sample`.

        Raises:
            ValueError: if a temperature is negative.
        """
        heat = Temperature.of(temperature)
        logits, mu, log_sigma = self._aligned()
        pick = pick_index(logits, heat.mixture, uniform.unsqueeze(-2))
        mean = _pick(mu, pick)
        if heat.scale == 0:
            return mean
        if self.partial is not None:
            noise = correlation.color(noise, _pick(self.partial, pick))
        return mean + noise * torch.exp(_pick(log_sigma, pick)) * math.sqrt(heat.scale)

    def rsample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw (..., D) that passes gradients to the parameters, of any order.

        A single component is reparametrised by its noise. A mixture over numbers (per_dim, or
        D = 1) moves with its cdf: dx = -dF/p (Figurnov, Mohamed & Mnih 2018, equation 6). In a
        joint mixture each dimension moves with its cdf given those before it.

        Raises:
            ValueError: for a joint mixture of several correlated components.
        """
        if self._aligned().logits.shape[-2] == 1:
            return self._rsample_single(generator)
        logits, mu, log_sigma = self._aligned()
        value = self.sample(generator=generator)
        if self.factorization == "per_dim" or self.event_dim == 1:
            return implicit(value, logits, mu, log_sigma)
        if self.partial is not None:
            raise ValueError("rsample is not defined for correlated components: use log_prob")
        return implicit_vectors(value, logits, mu, log_sigma.expand_as(mu))

    @property
    def mean(self) -> Tensor:
        """Mean (..., D)."""
        logits, mu, _ = self._aligned()
        return (logits.softmax(-2) * mu).sum(-2)

    @property
    def variance(self) -> Tensor:
        """Variance (..., D) of each dimension."""
        logits, mu, log_sigma = self._aligned()
        weight = logits.softmax(-2)
        mean = (weight * mu).sum(-2, keepdim=True)
        # Spread around the mean instead of E[x²] - E[x]²: no cancellation, never negative.
        return (weight * (torch.exp(2 * log_sigma) + (mu - mean).square())).sum(-2)

    @property
    def stddev(self) -> Tensor:
        """Standard deviation (..., D) of each dimension."""
        return self.variance.sqrt()

    @property
    def covariance(self) -> Tensor:
        """Covariance (..., D, D) of the vector."""
        if self.factorization == "per_dim":
            return torch.diag_embed(self.variance)
        weight = self.logits.softmax(-1).unsqueeze(-1).unsqueeze(-1)
        tril, away = self.scale_tril, self.mu - self.mean.unsqueeze(-2)
        spread = away.unsqueeze(-1) * away.unsqueeze(-2)
        return (weight * (tril @ tril.mT + spread)).sum(-3)

    @property
    def mode(self) -> Tensor:
        """Mean (..., D) of the component with the largest weight.

        Not always the point of highest density, which has no closed form.
        """
        logits, mu, _ = self._aligned()
        return _pick(mu, logits.argmax(-2, keepdim=True))

    @property
    def scale_tril(self) -> Tensor:
        """Cholesky factor (..., K, D, D) of each component's covariance.

        Raises:
            ValueError: for a per_dim mixture, whose components are numbers.
        """
        if self.factorization == "per_dim":
            raise ValueError("the components of a per_dim mixture are numbers: use log_sigma")
        axes = torch.eye(self.event_dim, dtype=self.mu.dtype, device=self.mu.device)
        axes = axes.expand(*self.mu.shape, self.event_dim)
        if self.partial is not None:
            axes = correlation.color(axes, self.partial.unsqueeze(-2))
        return axes.mT * torch.exp(self.log_sigma).unsqueeze(-1)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Mixture":
        partial = None if self.partial is None else change(self.partial)
        logits, mu, log_sigma = map(change, (self.logits, self.mu, self.log_sigma))
        return Mixture(logits, mu, log_sigma, self.factorization, partial)

    def _fits(self) -> bool:
        mu, partial = self.mu.shape, self.partial
        if len(mu) < 2 or 0 in mu[-2:]:
            return False
        if self.factorization == "per_dim":
            return self.log_sigma.shape == self.logits.shape == mu and partial is None
        sigma_fits = self.log_sigma.shape in (mu, (*mu[:-1], 1))
        pairs = correlation.pairs(mu[-1])
        partial_fits = partial is None or partial.shape == (*mu[:-1], pairs)
        return self.logits.shape == mu[:-1] and sigma_fits and partial_fits

    def _aligned(self) -> _Aligned:
        # Reductions over the components vectorise over the dimensions, which are contiguous in
        # what the heads put out: log_prob and its gradient are 1.4 times faster than with K last.
        if self.factorization == "per_dim":
            return _Aligned(self.logits.mT, self.mu.mT, self.log_sigma.mT)
        return _Aligned(self.logits.unsqueeze(-1), self.mu, self.log_sigma)

    def _distance(self, value: Tensor) -> Tensor:
        """Distance (..., K, D) from every component's mean, in sigmas."""
        check_value(value, self.event_dim)
        common_batch(self.mu.shape[:-2], value.shape[:-1])
        _, mu, log_sigma = self._aligned()
        return (value.to(mu.dtype).unsqueeze(-2) - mu) * torch.exp(-log_sigma)

    def _known(self, result: Tensor) -> Tensor:
        """The same; where it holds NaN, the parameters are looked at, which takes longer."""
        if readable(result) and bool(result.isnan().any()):
            check_numbers(
                logits=self.logits, mu=self.mu, log_sigma=self.log_sigma, partial=self.partial
            )
        return result

    def _per_dimension(self, name: str, given: float | Tensor) -> Tensor:
        """A number, or one for each dimension, as a tensor beside the parameters."""
        tensor = torch.as_tensor(given, dtype=self.mu.dtype, device=self.mu.device)
        if tensor.ndim and tensor.shape != (self.event_dim,):
            raise ValueError(
                f"{name} is {tuple(tensor.shape)}: use a number, or ({self.event_dim},)"
            )
        return tensor

    def _weighted(self, value: Tensor) -> Tensor:
        """Log of weight times density: (..., K, D) per_dim, (..., K) joint."""
        logits, _, log_sigma = self._aligned()
        distance, log_weight = self._distance(value), logits.log_softmax(-2)
        if self.partial is not None:
            distance = correlation.whiten(distance, self.partial)
            log_weight = log_weight - correlation.log_determinant(self.partial).unsqueeze(-1)
        density = -0.5 * distance.square() - log_sigma - HALF_LOG_TWO_PI
        if self.factorization == "per_dim":
            return log_weight + density
        return log_weight.squeeze(-1) + density.sum(-1)

    def _entropy_single(self) -> Tensor:
        _, mu, log_sigma = self._aligned()
        nats = (log_sigma.expand_as(mu).squeeze(-2) + HALF_LOG_TWO_PI + 0.5).sum(-1)
        if self.partial is None:
            return nats
        return nats + correlation.log_determinant(self.partial).squeeze(-1)

    def _rsample_single(self, generator: torch.Generator | None) -> Tensor:
        _, mu, log_sigma = self._aligned()
        noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
        if self.partial is not None:
            noise = correlation.color(noise, self.partial)
        return (mu + noise * torch.exp(log_sigma)).squeeze(-2)


def _pick(parameter: Tensor, index: Tensor) -> Tensor:
    """Rows (..., D) of (..., K, D) chosen by `index` (..., 1, D) or (..., 1, 1)."""
    index = index.expand(*index.shape[:-1], parameter.shape[-1])
    return parameter.gather(-2, index).squeeze(-2)
