"""Whether a mixture is as sure as it should be: PIT, coverage and CRPS."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from .mixture import Mixture, needs_mixture


def pit(mixture: Mixture, value: Tensor) -> Tensor:
    """The cdf of what happened, (..., D): uniform on (0, 1) if the model is right (Dawid 1984).

    Of a joint mixture it is that of each dimension alone.

    Args:
        mixture: over (..., D).
        value: what happened, (..., D).

    Raises:
        ValueError: for a value of another size.
    """
    mixture = needs_mixture(mixture, "pit")
    logits, _, distance = _numbers(mixture, value)
    return mixture.known((logits.softmax(-2) * torch.special.ndtr(distance)).sum(-2).clamp(max=1))


@torch.no_grad()
def credibility(
    mixture: Mixture, value: Tensor, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """The smallest credible region that holds what happened, as its probability, (...).

    A region of highest density: the share of `samples` draws that are denser than the value
    (Hyndman 1996). Uniform on (0, 1) if the model is right, also over vectors.

    Raises:
        ValueError: for a value of another size, or less than one sample.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}: use at least 1")
    drawn = mixture.log_prob(mixture.sample((samples,), generator=generator))
    found = mixture.log_prob(value)
    for _ in range(found.ndim + 1 - drawn.ndim):  # axes that the value alone has
        drawn = drawn.unsqueeze(1)
    return (drawn > found).to(drawn.dtype).mean(0)


def coverage(levels: Tensor | float, probability: Tensor) -> Tensor:
    """The share of values that lie in the credible region of each level; the levels, if right.

    Args:
        levels: (L,) in (0, 1), or one.
        probability: of the smallest region that holds each value, as from `credibility`.
    """
    levels = torch.as_tensor(levels)
    return (probability.flatten() <= levels.unsqueeze(-1)).to(levels.dtype).mean(-1)


class Axes(Protocol):
    """What is needed of matplotlib's axes."""

    @property
    def plot(self) -> Callable[..., object]:
        """A line through points."""
        ...

    @property
    def set(self) -> Callable[..., object]:
        """Labels and limits."""
        ...


def draw_calibration(axes: Axes, probability: Tensor, label: str | None = None) -> None:
    """Draw how often values lie in a credible region, over its level, beside a right model's.

    A curve below the diagonal is that of a model that is too sure.

    Args:
        axes: of matplotlib.
        probability: of the smallest region that holds each value, as from `credibility`; for
            numbers `(2 * pit(mixture, value) - 1).abs()`, the region in the middle, is exact.
        label: of the curve.
    """
    levels = torch.linspace(0, 1, 101)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    axes.plot(levels.tolist(), coverage(levels, probability.detach().cpu()).tolist(), label=label)
    axes.set(xlabel="level of the region", ylabel="share of values in it", xlim=(0, 1), ylim=(0, 1))


def crps(mixture: Mixture, value: Tensor) -> Tensor:
    """Continuous ranked probability score (..., D), in the unit of the value; lower is better.

    E|X - y| - ½ E|X - X'|, in closed form for mixtures of Gaussians (Grimit et al. 2006). Of a
    joint mixture it is that of each dimension alone.

    Raises:
        ValueError: for a value of another size.
    """
    mixture = needs_mixture(mixture, "crps")
    logits, log_deviation, distance = _numbers(mixture, value)
    weight, sigma = logits.softmax(-2), log_deviation.exp()
    _, mu, _ = mixture.aligned()
    to_value = (weight * sigma * _absolute(distance)).sum(-2)
    spread = torch.hypot(sigma.unsqueeze(-2), sigma.unsqueeze(-3))
    between = spread * _absolute((mu.unsqueeze(-2) - mu.unsqueeze(-3)) / spread)
    pairs = weight.unsqueeze(-2) * weight.unsqueeze(-3)
    return mixture.known(to_value - 0.5 * (pairs * between).sum((-3, -2)))


def _numbers(mixture: Mixture, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits and log deviations of each dimension alone, and distances in these, K before D."""
    away, log_deviation = mixture.away(value), mixture.log_deviation
    logits, mu, _ = mixture.aligned()
    distance = away * torch.exp(-log_deviation)
    return logits.expand_as(mu), log_deviation.expand_as(mu), distance


def _absolute(mean: Tensor) -> Tensor:
    """E|Z| of a Gaussian with this mean and unit variance."""
    density = torch.exp(-0.5 * mean.square()) * math.sqrt(2 / math.pi)
    return density + mean * torch.erf(mean / math.sqrt(2))
