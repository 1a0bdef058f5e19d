"""Mixtures from and to covariances and torch's own distributions."""

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from . import correlation
from .check import widen
from .mixture import Mixture, needs_mixture


def from_scale_tril(logits: Tensor, mu: Tensor, scale_tril: Tensor) -> Mixture:
    """The joint mixture with these Cholesky factors (..., K, D, D) of its covariances.

    Args:
        logits: (..., K).
        mu: (..., K, D).
        scale_tril: lower triangular, with a positive diagonal.

    Raises:
        ValueError: for shapes that do not fit, or what is no Cholesky factor.
    """
    logits, mu, scale_tril = _alike("scale_tril", logits, mu, scale_tril)
    if not bool((scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all()):
        raise ValueError("the diagonal of a Cholesky factor is positive, this one is not")
    if bool(scale_tril.triu(1).any()):
        raise ValueError("a Cholesky factor is lower triangular, this one is not")
    return from_factor(logits, mu, scale_tril)


def from_covariance(logits: Tensor, mu: Tensor, covariance: Tensor) -> Mixture:
    """The joint mixture with these covariances (..., K, D, D); see `from_scale_tril`.

    Raises:
        ValueError: for shapes that do not fit, or what is not symmetric and positive definite.
    """
    logits, mu, covariance = _alike("covariance", logits, mu, covariance)
    scale_tril, failed = torch.linalg.cholesky_ex(covariance)
    sigma = covariance.diagonal(dim1=-2, dim2=-1).abs().sqrt()
    scale = sigma.unsqueeze(-1) * sigma.unsqueeze(-2)
    symmetric = bool(((covariance - covariance.mT).abs() <= 1e-4 * scale).all())
    if not symmetric or bool(failed.any()):
        raise ValueError("a covariance is symmetric and positive definite, this one is not")
    return from_factor(logits, mu, scale_tril)


def from_factor(logits: Tensor, mu: Tensor, scale_tril: Tensor) -> Mixture:
    """`from_scale_tril` of what is known to be a Cholesky factor."""
    log_sigma = scale_tril.diagonal(dim1=-2, dim2=-1).log()
    return Mixture(logits, mu, log_sigma, "joint", correlation.from_scale_tril(scale_tril))


def from_keras(packed: Tensor, components: int, dim: int) -> Mixture:
    """The joint mixture whose parameters a keras-mdn-layer puts out in one vector.

    Args:
        packed: (..., K(2D + 1)): means, K before D; sigmas likewise; logits.
        components: K.
        dim: D.

    Raises:
        ValueError: for a vector of another size, or sigmas that are not positive.
    """
    size = components * dim
    if packed.shape[-1:] != (2 * size + components,):
        raise ValueError(
            f"packed is {tuple(packed.shape)}: K = {components} and D = {dim} take "
            f"(..., {2 * size + components})"
        )
    mu, sigma, logits = packed.split([size, size, components], -1)
    if not bool((sigma > 0).all()):
        raise ValueError("a sigma is not positive: the order is means, sigmas, logits")
    shape = components, dim
    return Mixture(logits, mu.unflatten(-1, shape), sigma.log().unflatten(-1, shape), "joint")


def to_torch(mixture: Mixture) -> MixtureSameFamily | Independent:
    """The same distribution as torch has it.

    Raises:
        ValueError: for what is no `Mixture`.
    """
    needs_mixture(mixture, "to_torch")
    if mixture.factorization == "per_dim":
        parts = Normal(mixture.mu, mixture.log_sigma.exp())
        return Independent(MixtureSameFamily(Categorical(logits=mixture.logits), parts), 1)
    if mixture.regression is None:
        sigma = mixture.log_sigma.exp().expand_as(mixture.mu)
        joint = Independent(Normal(mixture.mu, sigma), 1)
        return MixtureSameFamily(Categorical(logits=mixture.logits), joint)
    full = MultivariateNormal(mixture.mu, scale_tril=mixture.scale_tril)
    return MixtureSameFamily(Categorical(logits=mixture.logits), full)


def from_torch(distribution: MixtureSameFamily | Independent) -> Mixture:
    """The mixture of Gaussians that torch has as one.

    Takes MixtureSameFamily of MultivariateNormal or Independent Normal (joint), of Normal (over
    numbers), and an Independent one of the last (per_dim).

    Raises:
        ValueError: for anything else.
    """
    found = _per_dim(distribution) if isinstance(distribution, Independent) else None
    if isinstance(distribution, MixtureSameFamily):
        found = _joint(distribution)
    if found is None:
        raise ValueError(f"{distribution} is no mixture of Gaussians that a Mixture can be")
    return found


def _per_dim(distribution: Independent) -> Mixture | None:
    inner = distribution.base_dist
    if distribution.reinterpreted_batch_ndims != 1 or not isinstance(inner, MixtureSameFamily):
        return None
    parts = inner.component_distribution
    if not isinstance(parts, Normal):
        return None
    logits = inner.mixture_distribution.logits.expand_as(parts.loc)
    return Mixture(logits, parts.loc, parts.scale.log(), "per_dim")


def _joint(distribution: MixtureSameFamily) -> Mixture | None:
    parts = distribution.component_distribution
    logits = distribution.mixture_distribution.logits.expand(parts.batch_shape)
    if isinstance(parts, MultivariateNormal):
        return from_scale_tril(logits, parts.loc, parts.scale_tril)
    if isinstance(parts, Normal):
        return Mixture(logits, parts.loc.unsqueeze(-1), parts.scale.log().unsqueeze(-1), "joint")
    if isinstance(parts, Independent) and isinstance(parts.base_dist, Normal):
        return Mixture(logits, parts.base_dist.loc, parts.base_dist.scale.log(), "joint")
    return None


def _alike(name: str, logits: Tensor, mu: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three in one precision, with matrices (..., K, D, D) beside means (..., K, D)."""
    if not mu.ndim or matrix.shape != (*mu.shape, mu.shape[-1]):
        raise ValueError(
            f"{name} is {tuple(matrix.shape)}: beside mu {tuple(mu.shape)} it is (..., K, D, D)"
        )
    logits, mu, matrix = widen(logits), widen(mu), widen(matrix)
    exact = torch.promote_types(mu.dtype, matrix.dtype)
    return logits.to(exact), mu.to(exact), matrix.to(exact)
