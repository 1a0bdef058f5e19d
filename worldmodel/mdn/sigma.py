"""Maps from a network's raw output to a log standard deviation.

All of them return the logarithm, since that is what a density needs, and none subtracts numbers
that are nearly equal: they are exact for every raw value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SigmaMap = Callable[[Tensor], Tensor]
INNER = 0.9  # beyond, a curve through 0 with slope 1 there would be a cliff elsewhere


@dataclass(frozen=True)
class BoundedLogSigma:
    """Log-sigma within bounds: c + h·tanh(x/g + b), smooth and increasing onto (low, high).

    b and g are such that 0 maps to 0 with slope 1: around 0 it is the unbounded log-sigma of
    Graves 2013 and Ha & Schmidhuber 2018. Where 0 is not within the inner nine tenths of the
    bounds, their middle is there instead, with the same slope. The lower bound keeps the likelihood
    of constant dimensions finite, the upper one keeps a dream from exploding. The gradient fades
    towards both, and rounds to 0 in float32 where a raw output is many times as far from 0 as the
    bounds.

    Raises:
        ValueError: for bounds that are not finite and in order.
    """

    low: float = -7.0
    high: float = 3.0

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(
                f"log_sigma_min is {self.low} and log_sigma_max {self.high}: the first must be "
                "the smaller one, both finite"
            )

    def __call__(self, raw: Tensor) -> Tensor:
        """Raw output to log-sigma."""
        center, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        middle = -center / half if abs(center) < INNER * half else 0.0
        offset = math.atanh(middle)
        gain = 1 / (half * (1 - middle**2))
        return center + half * torch.tanh(raw * gain + offset)


@dataclass(frozen=True)
class SoftplusSigma:
    """Sigma is softplus(x) + floor: linear for large x, never below the floor.

    Raises:
        ValueError: if the floor is not positive.
    """

    floor: float = 1e-3

    def __post_init__(self) -> None:
        _check_positive("floor", self.floor)

    def __call__(self, raw: Tensor) -> Tensor:
        """Raw output to log-sigma."""
        return torch.log(functional.softplus(raw) + self.floor)


@dataclass(frozen=True)
class EluSigma:
    """Sigma is elu(x) + 1 + eps, as in the first MDN layers for Keras.

    Below 0 elu(x) + 1 is exp(x). Written as exp(x) it keeps all its digits; as `elu(x) + 1` float32
    is off by 6 % at x = -16 and returns eps alone from x = -18 on.

    Raises:
        ValueError: if `eps` is not positive.
    """

    eps: float = 1e-7

    def __post_init__(self) -> None:
        _check_positive("eps", self.eps)

    def __call__(self, raw: Tensor) -> Tensor:
        """Raw output to log-sigma."""
        return torch.log(raw.clamp(max=0).exp() + raw.clamp(min=0) + self.eps)


SIGMAS: dict[str, Callable[..., SigmaMap]] = {
    each.__name__: each for each in (BoundedLogSigma, SoftplusSigma, EluSigma)
}


def check_sigma(sigma: SigmaMap | None) -> None:
    """A map to sigma is a function or an instance.

    Raises:
        ValueError: if it is a class, or something else.
    """
    if sigma is not None and (isinstance(sigma, type) or not callable(sigma)):
        raise ValueError(f"sigma is {sigma!r}: use a map such as SoftplusSigma()")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}: it must be positive")
