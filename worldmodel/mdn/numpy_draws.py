"""Draws from the parameters that an exported head put out, with NumPy alone.

This file imports nothing else and may be copied to where there is no torch.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sample(
    logits: Array,
    mu: Array,
    log_sigma: Array,
    rng: np.random.Generator,
    *,
    factorization: str = "joint",
    regression: Array | None = None,
    temperature: float = 1.0,
) -> Array:
    """Draw one value (..., D) from every mixture of the batch, as `Mixture.sample` does.

    Args:
        logits, mu, log_sigma, regression: laid out as in `Mixture`.
        rng: source of the draws.
        factorization: "joint" or "per_dim".
        temperature: divides the logits and multiplies the variance; 0 takes the likeliest mean.

    Raises:
        ValueError: for another factorization, shapes that do not fit, NaN, or a negative
            temperature.
    """
    if factorization not in ("joint", "per_dim"):
        raise ValueError(f"factorization is {factorization!r}: use joint or per_dim")
    fits = logits.shape == (mu.shape if factorization == "per_dim" else mu.shape[:-1])
    if mu.ndim < 2 or not fits or not np.isfinite(mu).all() or np.isnan(logits).any():
        raise ValueError(
            f"a {factorization} mixture can't have logits {logits.shape} and mu {mu.shape}, or NaN"
        )
    batch, dim = mu.shape[:-2], mu.shape[-1 if factorization == "joint" else -2]
    level = rng.random((*batch, dim if factorization == "per_dim" else 1))
    noise = rng.standard_normal((*batch, dim))
    if factorization == "per_dim":
        logits, mu, log_sigma = (np.swapaxes(part, -1, -2) for part in (logits, mu, log_sigma))
    else:
        logits = logits[..., None]
    return transport(logits, mu, log_sigma, level, noise, regression, temperature)


def transport(
    logits: Array,
    mu: Array,
    log_sigma: Array,
    level: Array,
    noise: Array,
    regression: Array | None = None,
    temperature: float = 1.0,
) -> Array:
    """The draw (..., D) that given random numbers select, as `Mixture.transport` does.

    Args:
        logits: (..., K, D), or (..., K, 1) for one pick.
        mu: (..., K, D).
        log_sigma: (..., K, D), or (..., K, 1).
        level: in [0, 1), picks components, shaped as `logits` without K.
        noise: standard normal (..., D).
        regression: (..., K, D(D-1)/2), or None.
        temperature: as in `sample`.

    Raises:
        ValueError: for a negative temperature.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature is {temperature}: it must be 0 or more, and finite")
    pick = _pick(logits, level, temperature)
    mean = _take(mu, pick)
    away = noise * np.exp(_take(log_sigma, pick)) * math.sqrt(temperature)
    if regression is not None:
        coefficients = _take(regression, pick)
        for i in range(1, mean.shape[-1]):
            row = coefficients[..., i * (i - 1) // 2 : i * (i + 1) // 2]
            away[..., i] += (row * away[..., :i]).sum(-1)
    return mean + away


def _pick(logits: Array, level: Array, temperature: float) -> Array:
    """Indices (..., 1, N) of the components."""
    if temperature < 1e-30:
        return logits.argmax(-2)[..., None, :]
    weight = np.exp((logits - logits.max(-2, keepdims=True)) / temperature)
    cumulative = weight.cumsum(-2)
    below = cumulative <= level[..., None, :] * cumulative[..., -1:, :]
    return below.sum(-2, keepdims=True).clip(max=logits.shape[-2] - 1)


def _take(parameter: Array, index: Array) -> Array:
    """Rows (..., D) of (..., K, D) chosen by `index` (..., 1, D) or (..., 1, 1)."""
    wide = np.broadcast_to(index, (*index.shape[:-1], parameter.shape[-1]))
    return np.take_along_axis(parameter, wide, -2)[..., 0, :]
