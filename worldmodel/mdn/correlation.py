"""Correlated Gaussians by partial correlations: the Cholesky factor, column by column.

A correlation matrix of D variables has D(D-1)/2 canonical partial correlations, each free within
(-1, 1) (Lewandowski, Kurowicka & Joe 2009). `partial` holds their inverse hyperbolic tangents y,
by columns: (1,0), (2,0), …, (D-1,0), (2,1), …. Any real number is valid, 0 is no correlation, and
with D = 2 the only one is atanh(rho) of Graves 2013. With sech y for √(1 - rho²) nothing is
subtracted that nearly cancels, which 1 - rho² does in float32 from |y| = 8 on.

Whitening peels off one variable after another; at D = 2 that is 10 times faster on the CPU than
a triangular solve, at D = 32 half as fast.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

# Of a single pair: 1 - rho² stays 2e-4, so a density can't run away on data that lie on a line.
_MAX_CORRELATION = 0.9999
# Of one variable given all others before it: its sigma shrinks by e^-15 at most, so that
# distances of 1e10 sigmas still have a square and a gradient in float32. Three strong partial
# correlations can't shrink it so far, so it never binds below D = 5.
_MAX_SHRINKING = 15.0
_SHARPNESS = 8  # half of the greatest shrinking is left as it is to 0.05 %


def pairs(dim: int) -> int:
    """Number of partial correlations of `dim` variables."""
    return dim * (dim - 1) // 2


def bound(raw: Tensor, dim: int) -> Tensor:
    """Raw outputs to partial correlations (inverse hyperbolic tangents) that stay computable.

    A single one may be as strong in many dimensions as in two. Only a variable that all those
    before it determine together, to e^-15 of its sigma, has its correlations scaled down.
    """
    limit = math.atanh(_MAX_CORRELATION)
    partial = limit * torch.tanh(raw / limit)
    if (dim - 1) * math.log(math.cosh(limit)) <= _MAX_SHRINKING:
        return partial
    rows = _rows(dim).to(partial.device)
    shrinking = torch.logaddexp(partial, -partial) - math.log(2)
    empty = torch.zeros(*partial.shape[:-1], dim, dtype=partial.dtype, device=partial.device)
    total = empty.index_add(-1, rows, shrinking)
    # log cosh is convex and 0 at 0, so a share of each y leaves at most that share of the sum.
    share = (1 + (total / _MAX_SHRINKING) ** _SHARPNESS) ** (-1 / _SHARPNESS)
    return partial * share.index_select(-1, rows)


def whiten(value: Tensor, partial: Tensor) -> Tensor:
    """Correlated numbers (..., D) of unit variance to independent ones: the inverse of `color`."""
    done, rest = [], value
    for y in _columns(partial, value.shape[-1]):
        first, rest = rest[..., :1], rest[..., 1:]
        done.append(first)
        rest = (rest - torch.tanh(y) * first) * torch.cosh(y)
    return torch.cat([*done, rest], -1)


def color(noise: Tensor, partial: Tensor) -> Tensor:
    """Independent numbers (..., D) of unit variance to correlated ones."""
    columns = _columns(partial, noise.shape[-1])
    done = noise[..., -1:]
    for i, y in reversed(list(enumerate(columns))):
        first = noise[..., i : i + 1]
        done = torch.cat([first, torch.tanh(y) * first + done / torch.cosh(y)], -1)
    return done


def log_determinant(partial: Tensor) -> Tensor:
    """Log determinant (...) of the Cholesky factor: minus the sum of log cosh y."""
    return (math.log(2) - torch.logaddexp(partial, -partial)).sum(-1)


def from_cholesky(factor: Tensor) -> Tensor:
    """The partial correlations of a correlation matrix's Cholesky factor (..., D, D).

    Its rows have length 1 (Lewandowski, Kurowicka & Joe 2009, section 2.3).
    """
    dim = factor.shape[-1]
    squared = factor.square()
    # What the earlier variables leave: a sum of squares, so nothing cancels.
    left = squared.flip(-1).cumsum(-1).flip(-1).sqrt()
    rows, columns = (each.to(factor.device) for each in (_rows(dim), _columns_of(dim)))
    # tanh y = entry / left, cosh y = left / what the next leaves: asinh keeps the digits.
    return torch.asinh(factor[..., rows, columns] / left[..., rows, columns + 1])


def reflect(partial: Tensor, sign: Tensor) -> Tensor:
    """The partial correlations after each variable is multiplied by its sign (D,)."""
    rows, columns = (each.to(sign.device) for each in (_rows(len(sign)), _columns_of(len(sign))))
    return partial * (sign[rows] * sign[columns])


@lru_cache(maxsize=32)
def _rows(dim: int) -> Tensor:
    """The later variable of each pair, in the order of `partial`."""
    return torch.cat([torch.arange(column + 1, dim) for column in range(max(1, dim - 1))])


def _columns_of(dim: int) -> Tensor:
    """The earlier variable of each pair."""
    return torch.cat([torch.full((dim - column - 1,), column) for column in range(max(1, dim - 1))])


def _columns(partial: Tensor, dim: int) -> tuple[Tensor, ...]:
    return partial.split(list(range(dim - 1, 0, -1)), -1)
