"""What a joint mixture says of some dimensions: alone, or once others are known."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .check import check_value
from .convert import from_covariance
from .mixture import Mixture


def marginal(mixture: Mixture, dims: Sequence[int]) -> Mixture:
    """The joint mixture over these dimensions alone, in this order (Bishop 2006, section 2.3).

    Raises:
        ValueError: for a per_dim mixture, or dimensions that it does not have once each.
    """
    _check(mixture, dims)
    index = list(dims)
    if mixture.regression is None:
        log_sigma = mixture.log_sigma.expand_as(mixture.mu)[..., index]
        return Mixture(mixture.logits, mixture.mu[..., index], log_sigma, "joint")
    covariance = _covariances(mixture)[..., index, :][..., index]
    return from_covariance(mixture.logits, mixture.mu[..., index], covariance)


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
    _check(mixture, dims)
    check_value(value, len(dims))
    known, rest = list(dims), [dim for dim in range(mixture.dim) if dim not in dims]
    if not rest:
        raise ValueError(f"dimensions {tuple(dims)} are all there are: nothing is left")
    of_known = marginal(mixture, dims)
    logits = mixture.logits.log_softmax(-1) + of_known.log_prob_each(value)
    away = value.to(mixture.mu.dtype).unsqueeze(-2) - mixture.mu[..., known]
    mu = mixture.mu[..., rest].expand(*away.shape[:-1], len(rest))
    if mixture.regression is None:
        log_sigma = mixture.log_sigma.expand_as(mixture.mu)[..., rest].expand_as(mu)
        return Mixture(logits, mu, log_sigma, "joint")
    whole = _covariances(mixture)
    cross = whole[..., rest, :][..., known]
    gain = torch.linalg.solve(whole[..., known, :][..., known], cross.mT).mT
    left = whole[..., rest, :][..., rest] - gain @ cross.mT
    moved = mu + (gain @ away.unsqueeze(-1)).squeeze(-1)
    return from_covariance(logits, moved, left.expand(*moved.shape, len(rest)))


def _covariances(mixture: Mixture) -> Tensor:
    """(..., K, D, D)."""
    tril = mixture.scale_tril
    return tril @ tril.mT


def _check(mixture: Mixture, dims: Sequence[int]) -> None:
    if mixture.factorization == "per_dim":
        raise ValueError("dimensions of a per_dim mixture are independent: this takes a joint one")
    inside = all(0 <= dim < mixture.dim for dim in dims)
    if not dims or not inside or len(set(dims)) < len(dims):
        raise ValueError(f"dims are {tuple(dims)}: name some of 0 … {mixture.dim - 1} once")
