"""Mixtures of Gaussians as distribution objects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from . import correlation
from .check import (
    check_numbers,
    check_shape,
    check_value,
    common_batch,
    full_precision,
    readable,
    widen,
)
from .draw import normal, pick_index, take, uniform
from .implicit import HALF_LOG_TWO_PI, implicit, implicit_vectors
from .temperature import Temperature

Factorization = Literal["per_dim", "joint"]
FACTORIZATIONS: tuple[str, ...] = get_args(Factorization)


class Aligned(NamedTuple):
    """The parameters with the component axis before the dimension axis."""

    logits: Tensor  # (..., K, D) per_dim, (..., K, 1) joint
    mu: Tensor  # (..., K, D)
    log_sigma: Tensor  # (..., K, D), or (..., K, 1) for one sigma in all dimensions


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mixture:
    """A mixture of K Gaussians over vectors of D numbers (Bishop 1994).

    `per_dim`: every dimension picks its own component, independently of the others, as M does in
    Ha & Schmidhuber 2018: D mixtures of K numbers. `joint`: one component is picked for the whole
    vector: K modes, and dimensions depend on each other through the pick. With D = 1 the two are
    the same distribution. Several joint mixtures side by side are a `Grouped`.

    The covariance of a component is diagonal; or isotropic, with one sigma for all dimensions; or
    full: each dimension is regressed on those before it, and its sigma is what they leave open. At
    D = 2 the full one is the bivariate Gaussian of Graves 2013.

    Half-precision parameters are widened to float32; float32 and float64 are kept. The density is
    only ever handled as a logarithm, so it is exact and has a gradient however far the value is.

    Args:
        logits: unnormalised log weights, (..., D, K) per_dim, (..., K) joint.
        mu: component means, (..., D, K) per_dim, (..., K, D) joint.
        log_sigma: log standard deviations, shaped as `mu`; (..., K, 1) for isotropic components;
            of each dimension given those before it where there is a regression.
        factorization: "joint" or "per_dim".
        regression: coefficients (..., K, D(D-1)/2) of each dimension on those before it, by rows,
            see `correlation.py`; joint only, None for no correlation.

    Raises:
        ValueError: for another factorization, complex numbers, or shapes that do not fit each
            other. What would be NaN because parameters are is refused too, where torch is not
            compiling and nothing lies on a GPU.
    """

    logits: Tensor
    mu: Tensor
    log_sigma: Tensor
    factorization: Factorization = "joint"
    regression: Tensor | None = None

    def __post_init__(self) -> None:
        if self.factorization not in FACTORIZATIONS:
            raise ValueError(f"factorization is {self.factorization!r}: use per_dim or joint")
        if not self._fits():
            given = self.regression
            correlated = "" if given is None else f", regression {tuple(given.shape)}"
            raise ValueError(
                f"a {self.factorization} mixture can't have logits {tuple(self.logits.shape)}, "
                f"mu {tuple(self.mu.shape)} and log_sigma {tuple(self.log_sigma.shape)}{correlated}"
            )
        for name in ("logits", "mu", "log_sigma"):
            object.__setattr__(self, name, widen(getattr(self, name)))
        if self.regression is not None:
            object.__setattr__(self, "regression", widen(self.regression))

    def __repr__(self) -> str:
        kind = "diagonal" if self.log_sigma.shape == self.mu.shape else "isotropic"
        kind = kind if self.regression is None else "full"
        where = "" if self.mu.device.type == "cpu" else f", {self.mu.device}"
        return (
            f"Mixture({self.factorization}, {kind}, batch {tuple(self.batch_shape)}, "
            f"K {self.components}, D {self.dim}{where})"
        )

    @property
    def dim(self) -> int:
        """D."""
        return self.mu.shape[-2 if self.factorization == "per_dim" else -1]

    @property
    def components(self) -> int:
        """K."""
        return self.mu.shape[-1 if self.factorization == "per_dim" else -2]

    @property
    def probs(self) -> Tensor:
        """Weights of the components, shaped as `logits`; those of a mixture add up to 1."""
        return self.logits.softmax(-1)

    @property
    def batch_shape(self) -> torch.Size:
        """(...), as torch's distributions have it."""
        return self.mu.shape[:-2]

    @property
    def event_shape(self) -> torch.Size:
        """(D,), as torch's distributions have it."""
        return torch.Size([self.dim])

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
        return self.known(torch.logsumexp(self._weighted(value), -1))

    def log_prob_each(self, value: Tensor) -> Tensor:
        """Log density (..., K) in nats of `value` (..., D) under each component of a joint mixture.

        Raises:
            ValueError: for a per_dim mixture, or a value of another size.
        """
        if self.factorization == "per_dim":
            raise ValueError("components of a per_dim mixture are numbers: use log_prob_per_dim")
        return self.known(self._each_density(value).sum(-1))

    def log_prob_per_dim(self, value: Tensor) -> Tensor:
        """Log density (..., D) in nats of each dimension of `value` (..., D).

        Raises:
            ValueError: for a joint mixture, whose density is not a product over dimensions.
        """
        if self.factorization == "joint":
            raise ValueError("a joint mixture has no density per dimension: use log_prob")
        return self.known(torch.logsumexp(self._weighted(value), -2))

    def pdf(self, value: Tensor) -> Tensor:
        """Density (...) of `value` (..., D). Underflows where D is large: train on log_prob."""
        return self.log_prob(value).exp()

    def cdf(self, value: Tensor) -> Tensor:
        """Chance (...) of a number below `value` (..., 1).

        Raises:
            ValueError: for D > 1, where a vector has no order.
        """
        if self.dim != 1:
            raise ValueError(f"a cdf needs 1 dimension, this mixture has {self.dim}")
        logits, _, log_sigma = self.aligned()
        below = torch.special.ndtr(self.away(value) * torch.exp(-log_sigma))
        # Weights add up to 1 within rounding only.
        return self.known((logits.softmax(-2) * below).sum((-2, -1)).clamp(max=1))

    def responsibilities(self, value: Tensor) -> Tensor:
        """Chance of each component to have drawn `value` (..., D), shaped as `logits`.

        Bishop 1994, the posterior over components.
        """
        if self.factorization == "per_dim":
            return self.known(self._weighted(value).softmax(-2).mT)
        return self.known(self._weighted(value).softmax(-1))

    def entropy(self, samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Monte Carlo estimate (...) of the entropy in nats from `samples` draws of each mixture.

        Unbiased, with gradients; its error falls as 1/√samples. A mixture's entropy has no closed
        form; that of a single component has, and is exact.

        Raises:
            ValueError: for less than one sample.
        """
        if samples < 1:
            raise ValueError(f"samples is {samples}: use at least 1")
        if self.components == 1:
            return self._entropy_single()
        many = self.expand(samples)
        return -many.log_prob(many.rsample(generator=generator)).mean(0)

    def aligned(self) -> Aligned:
        """The parameters with K before D, for what computes with both factorizations alike."""
        # Reductions over the components vectorise over the dimensions, which are contiguous in
        # what the heads put out: log_prob and its gradient are 1.4 times faster than with K last.
        if self.factorization == "per_dim":
            return Aligned(self.logits.mT, self.mu.mT, self.log_sigma.mT)
        return Aligned(self.logits.unsqueeze(-1), self.mu, self.log_sigma)

    def away(self, value: Tensor) -> Tensor:
        """How far (..., K, D) a value (..., D) is from every component's mean.

        Raises:
            ValueError: for a value of another size, or a batch that does not fit.
        """
        check_value(value, self.dim)
        common_batch(self.mu.shape[:-2], value.shape[:-1])
        mu = self.aligned().mu
        return value.to(mu.dtype).unsqueeze(-2) - mu

    def known(self, result: Tensor) -> Tensor:
        """The same; where it holds NaN, the parameters are looked at, which takes longer."""
        if readable(result) and bool(result.isnan().any()):
            check_numbers(
                logits=self.logits, mu=self.mu, log_sigma=self.log_sigma, regression=self.regression
            )
        return result

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
        for name, given in (("scale", factor), ("shift", offset)):
            if readable(given) and not bool(given.isfinite().all()):
                raise ValueError(f"{name} holds NaN or infinity")
        if readable(factor) and bool((factor == 0).any()):
            raise ValueError("a mixture can't be scaled by 0")
        regression = self.regression
        if regression is not None:
            regression = correlation.rescale(regression, factor.expand(self.dim))
        if self.factorization == "per_dim":
            factor, offset = factor.unsqueeze(-1), offset.unsqueeze(-1)
        log_sigma = self.log_sigma + factor.abs().log()
        mu = self.mu * factor + offset
        return Mixture(self.logits, mu, log_sigma, self.factorization, regression)

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
        and returns `likeliest_mean`.

        Raises:
            ValueError: if a temperature is negative, or a parameter NaN.
        """
        heat = Temperature.of(temperature)
        if check_shape(shape):
            many = self.expand(*shape)
            return many.sample(temperature=heat, generator=generator)
        check_numbers(logits=self.logits)
        if heat.mixture == heat.scale == 0:
            return self.likeliest_mean.detach()
        level = uniform(self.mu, (*self.batch_shape, self.picks), generator)
        noise = normal(self.mu, (*self.batch_shape, self.dim), generator)
        return self.known(self.transport(level, noise, heat))

    @property
    def picks(self) -> int:
        """How many components a draw picks: D per_dim, 1 joint."""
        return self.dim if self.factorization == "per_dim" else 1

    def transport(
        self, level: Tensor, noise: Tensor, temperature: float | Temperature = 1.0
    ) -> Tensor:
        """The draw (..., D) that given random numbers select, see `sample`.

        The same numbers for several mixtures give draws that differ only as the mixtures do.

        Args:
            level: in [0, 1), picks components: (..., picks).
            noise: standard normal (..., D), places the draw within its component.
            temperature: as in `sample`.

        Raises:
            ValueError: if a temperature is negative.
        """
        heat = Temperature.of(temperature)
        with torch.no_grad():  # as a decorator it would end the graph of torch.compile
            logits, mu, log_sigma = self.aligned()
            pick = pick_index(logits, heat.mixture, level.unsqueeze(-2))
            mean = take(mu, pick)
            if heat.scale == 0:
                return mean
            away = noise * torch.exp(take(log_sigma, pick)) * math.sqrt(heat.scale)
            if self.regression is not None:
                away = correlation.color(away, take(self.regression, pick))
            return mean + away

    def rsample(
        self, shape: Sequence[int] = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws (*shape, ..., D) that pass gradients to the parameters, of any order.

        A single component is reparametrised by its noise. A mixture over numbers (per_dim, or
        D = 1) moves with its cdf: dx = -dF/p (Figurnov, Mohamed & Mnih 2018, equation 6). In a
        joint mixture each dimension moves with its cdf given those before it.
        """
        if check_shape(shape):
            return self.expand(*shape).rsample(generator=generator)
        if self.components == 1:
            return self.known(self._rsample_single(generator))
        logits, mu, log_sigma = self.aligned()
        value = self.sample(generator=generator)
        if self.factorization == "per_dim" or self.dim == 1:
            return implicit(value, logits, mu, log_sigma)
        return implicit_vectors(value, logits, mu, log_sigma.expand_as(mu), self.regression)

    @property
    def mean(self) -> Tensor:
        """Mean (..., D)."""
        logits, mu, _ = self.aligned()
        return self.known((logits.softmax(-2) * mu).sum(-2))

    @property
    def variance(self) -> Tensor:
        """Variance (..., D) of each dimension."""
        logits, mu, _ = self.aligned()
        deviation = self.log_deviation
        weight = logits.softmax(-2)
        mean = (weight * mu).sum(-2, keepdim=True)
        # Spread around the mean instead of E[x²] - E[x]²: no cancellation, never negative.
        return self.known((weight * (torch.exp(2 * deviation) + (mu - mean).square())).sum(-2))

    @property
    def log_deviation(self) -> Tensor:
        """Log standard deviation of each component's dimensions alone, K before D.

        `log_sigma`, laid out as in `aligned`, but where it is that of a dimension given others.
        """
        if self.regression is None:
            return self.aligned().log_sigma
        return self.scale_tril.square().sum(-1).log() / 2

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
        with full_precision(tril):
            return (weight * (tril @ tril.mT + spread)).sum(-3)

    @property
    def likeliest_mean(self) -> Tensor:
        """Mean (..., D) of the component with the largest weight.

        Not always the point of highest density, which has no closed form.
        """
        logits, mu, _ = self.aligned()
        return self.known(take(mu, logits.argmax(-2, keepdim=True)))

    @property
    def scale_tril(self) -> Tensor:
        """Cholesky factor (..., K, D, D) of each component's covariance.

        Raises:
            ValueError: for a per_dim mixture, whose components are numbers.
        """
        if self.factorization == "per_dim":
            raise ValueError("the components of a per_dim mixture are numbers: use log_sigma")
        log_sigma = self.log_sigma.expand_as(self.mu)
        if self.regression is None:
            return torch.diag_embed(log_sigma.exp())
        return correlation.scale_tril(log_sigma, self.regression)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Mixture":
        regression = None if self.regression is None else change(self.regression)
        logits, mu, log_sigma = map(change, (self.logits, self.mu, self.log_sigma))
        return Mixture(logits, mu, log_sigma, self.factorization, regression)

    def _fits(self) -> bool:
        mu, regression = self.mu.shape, self.regression
        if len(mu) < 2 or 0 in mu[-2:]:
            return False
        if self.factorization == "per_dim":
            return self.log_sigma.shape == self.logits.shape == mu and regression is None
        sigma_fits = self.log_sigma.shape in (mu, (*mu[:-1], 1))
        pairs = correlation.pairs(mu[-1])
        fits = regression is None or regression.shape == (*mu[:-1], pairs)
        return self.logits.shape == mu[:-1] and sigma_fits and fits

    def _per_dimension(self, name: str, given: float | Tensor) -> Tensor:
        """A number, or one for each dimension, as a tensor beside the parameters."""
        tensor = torch.as_tensor(given, dtype=self.mu.dtype, device=self.mu.device)
        if tensor.ndim and tensor.shape != (self.dim,):
            raise ValueError(f"{name} is {tuple(tensor.shape)}: use a number, or ({self.dim},)")
        return tensor

    def _weighted(self, value: Tensor) -> Tensor:
        """Log of weight times density: (..., K, D) per_dim, (..., K) joint."""
        density = self._each_density(value)
        if self.factorization == "per_dim":
            return self.logits.mT.log_softmax(-2) + density
        return self.logits.log_softmax(-1) + density.sum(-1)

    def _each_density(self, value: Tensor) -> Tensor:
        """Log density (..., K, D) of each number under each component."""
        log_sigma, away = self.aligned().log_sigma, self.away(value)
        if self.regression is not None:
            away = correlation.whiten(away, self.regression)
        return -0.5 * (away * torch.exp(-log_sigma)).square() - log_sigma - HALF_LOG_TWO_PI

    def _entropy_single(self) -> Tensor:
        _, mu, log_sigma = self.aligned()
        return (log_sigma.expand_as(mu).squeeze(-2) + HALF_LOG_TWO_PI + 0.5).sum(-1)

    def _rsample_single(self, generator: torch.Generator | None) -> Tensor:
        _, mu, log_sigma = self.aligned()
        noise = normal(mu, mu.shape, generator)
        away = noise * torch.exp(log_sigma)
        if self.regression is not None:
            away = correlation.color(away, self.regression)
        return (mu + away).squeeze(-2)


def needs_mixture(given: object, what: str) -> Mixture:
    """The same, if it is a `Mixture`.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(given, Mixture):
        raise ValueError(
            f"{what} takes a Mixture, this is a {type(given).__name__}: of a Grouped, use its parts"
        )
    return given
