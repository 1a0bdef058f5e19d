"""Correlated Gaussians: every dimension regressed on those before it.

x_i = mu_i + Σ_{j<i} a_ij (x_j - mu_j) + sigma_i · noise_i is the modified Cholesky decomposition of
a covariance (Pourahmadi 1999). Any real coefficients a are valid, 0 is no correlation, and sigma_i
is what the dimensions before it leave open. `regression` holds the a_ij by rows: (1,0), (2,0),
(2,1), (3,0), …. Nothing is inverted and nothing subtracted that nearly cancels: a density needs two
matrix products, where a Cholesky factor of the covariance needs a triangular solve.

With D = 2, a = rho · sigma_y / sigma_x and sigma_1 = sigma_y · √(1 - rho²) are the bivariate
Gaussian of Graves 2013.
"""

import torch
from torch import Tensor

from .check import full_precision


def pairs(dim: int) -> int:
    """Number of coefficients of `dim` variables."""
    return dim * (dim - 1) // 2


def whiten(away: Tensor, regression: Tensor) -> Tensor:
    """What the dimensions before it leave of each: (..., D) minus its regression on them.

    The inverse of `color`. On a GPU that may use TF32 for products it is rounded as they are.
    """
    dim = away.shape[-1]
    if dim == 1:
        return away
    earlier, later = _ends(dim, away.dtype, away.device)
    # Products with zeros and ones gather and add up: 6 times faster on the CPU than matrices that
    # are put together first. Autocast would round what they gather.
    with full_precision(away):
        return away - (regression * (away @ earlier)) @ later


def color(noise: Tensor, regression: Tensor) -> Tensor:
    """Independent numbers (..., D) to correlated ones."""
    if noise.shape[-1] == 1:
        return noise
    solved = torch.linalg.solve_triangular(
        _difference(regression, noise.shape[-1]),
        noise.unsqueeze(-1),
        upper=False,
        unitriangular=True,
    )
    return solved.squeeze(-1)


def scale_tril(log_sigma: Tensor, regression: Tensor) -> Tensor:
    """Cholesky factor (..., D, D) of the covariance."""
    return torch.linalg.solve_triangular(
        _difference(regression, log_sigma.shape[-1]),
        torch.diag_embed(log_sigma.exp()),
        upper=False,
        unitriangular=True,
    )


def from_scale_tril(factor: Tensor) -> Tensor:
    """The coefficients of a covariance with this Cholesky factor (..., D, D).

    Its diagonal are the sigmas.
    """
    dim = factor.shape[-1]
    unit = factor / factor.diagonal(dim1=-2, dim2=-1).unsqueeze(-2)
    one = torch.eye(dim, dtype=factor.dtype, device=factor.device).expand_as(factor)
    difference = torch.linalg.solve_triangular(unit, one, upper=False, unitriangular=True)
    row, column = _indices(dim, factor.device)
    return -difference[..., row, column]


def rescale(regression: Tensor, factor: Tensor) -> Tensor:
    """The coefficients after each variable is multiplied by its factor (D,)."""
    row, column = _indices(len(factor), factor.device)
    return regression * (factor[row] / factor[column])


def row_of(regression: Tensor, dim: int) -> Tensor:
    """The coefficients (..., dim) of one dimension on those before it."""
    return regression[..., pairs(dim) : pairs(dim + 1)]


def _difference(regression: Tensor, dim: int) -> Tensor:
    """1 on the diagonal and minus the coefficients below it, (..., D, D)."""
    row, column = _indices(dim, regression.device)
    one = torch.eye(dim, dtype=regression.dtype, device=regression.device).flatten()
    whole = one.expand(*regression.shape[:-1], dim * dim)
    return whole.index_copy(-1, row * dim + column, -regression).unflatten(-1, (dim, dim))


def _indices(dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The later and the earlier variable of each coefficient."""
    row, column = torch.tril_indices(dim, dim, -1, device=device)
    return row, column


def _ends(dim: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices of zeros and ones: the earlier variable's (D, P), and the later one's (P, D)."""
    row, column = _indices(dim, device)
    one = torch.eye(dim, dtype=dtype, device=device)
    return one[:, column], one[row]
