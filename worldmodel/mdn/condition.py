"""What a joint mixture says of some dimensions: alone, or once others are known."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .check import check_value, common_batch, full_precision
from .convert import from_factor
from .mixture import Mixture, needs_mixture


def marginal(mixture: Mixture, dims: Sequence[int]) -> Mixture:
    """The joint mixture over these dimensions alone, in this order (Bishop 2006, section 2.3).

    Raises:
        ValueError: for a per_dim mixture, or dimensions that it does not have once each.
    """
    _check(mixture, dims, "marginal")
    index = list(dims)
    if mixture.regression is None:
        log_sigma = mixture.log_sigma.expand_as(mixture.mu)[..., index]
        return Mixture(mixture.logits, mixture.mu[..., index], log_sigma)
    return from_factor(mixture.logits, mixture.mu[..., index], _factor(mixture, index))


def condition(mixture: Mixture, dims: Sequence[int], value: Tensor) -> Mixture:
    """The joint mixture over all other dimensions, in their order, once these have this value.

    A component that makes the value likely gets more weight (Bishop 2006, equations 2.81, 2.82).

    Args:
        mixture: a joint one.
        dims: which dimensions are known.
        value: what they are, (..., len(dims)).

    Raises:
        ValueError: for a per_dim mixture, dimensions that it does not have once each, all of them,
            or a value of another size.
    """
    _check(mixture, dims, "condition")
    check_value(value, len(dims))
    common_batch(mixture.batch_shape, value.shape[:-1])
    known, rest = list(dims), [dim for dim in range(mixture.dim) if dim not in dims]
    if not rest:
        raise ValueError(f"dimensions {tuple(dims)} are all there are: nothing is left")
    of_known = marginal(mixture, dims)
    logits = mixture.logits.log_softmax(-1) + of_known.log_prob_each(value)
    away = of_known.away(value)
    mu = mixture.mu[..., rest].expand(*away.shape[:-1], len(rest))
    if mixture.regression is None:
        log_sigma = mixture.log_sigma.expand_as(mixture.mu)[..., rest].expand_as(mu)
        return Mixture(logits, mu, log_sigma)
    factor, count = _factor(mixture, [*known, *rest]), len(known)
    # With the known ones first, the factor's last block is that of the others given these.
    before = torch.linalg.solve_triangular(
        factor[..., :count, :count], away.unsqueeze(-1), upper=False
    )
    with full_precision(before):
        moved = mu + (factor[..., count:, :count] @ before).squeeze(-1)
    left = factor[..., count:, count:].expand(*moved.shape, len(rest))
    return from_factor(logits, moved, left)


def _factor(mixture: Mixture, dims: list[int]) -> Tensor:
    """Cholesky factors (..., K, d, d) of the covariances of these dimensions, in this order.

    By an orthogonal decomposition of the whole factor: no covariance is made, which would square
    what strong correlations leave.
    """
    upper = torch.linalg.qr(mixture.scale_tril[..., dims, :].mT).R
    sign = torch.where(upper.diagonal(dim1=-2, dim2=-1) < 0, -1, 1).to(upper.dtype)
    return (upper * sign.unsqueeze(-1)).mT


def _check(mixture: Mixture, dims: Sequence[int], what: str) -> None:
    needs_mixture(mixture, what)
    if mixture.factorization == "per_dim":
        raise ValueError("dimensions of a per_dim mixture are independent: this takes a joint one")
    inside = all(0 <= dim < mixture.dim for dim in dims)
    if not dims or not inside or len(set(dims)) < len(dims):
        raise ValueError(f"dims are {tuple(dims)}: name some of 0 … {mixture.dim - 1} once")
