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
from .mixture import Mixture


def from_scale_tril(logits: Tensor, mu: Tensor, scale_tril: Tensor) -> Mixture:
    """The joint mixture with these Cholesky factors (..., K, D, D) of its covariances.

    Args:
        logits: (..., K).
        mu: (..., K, D).
        scale_tril: lower triangular, with a positive diagonal.

    Raises:
        ValueError: for shapes that do not fit, or a diagonal that is not positive.
    """
    if scale_tril.shape != (*mu.shape, mu.shape[-1]):
        raise ValueError(f"scale_tril is {tuple(scale_tril.shape)}, mu {tuple(mu.shape)}")
    if not bool((scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all()):
        raise ValueError("the diagonal of a Cholesky factor is positive, this one is not")
    log_sigma = scale_tril.diagonal(dim1=-2, dim2=-1).log()
    return Mixture(logits, mu, log_sigma, "joint", correlation.from_scale_tril(scale_tril))


def from_covariance(logits: Tensor, mu: Tensor, covariance: Tensor) -> Mixture:
    """The joint mixture with these covariances (..., K, D, D); see `from_scale_tril`.

    Raises:
        ValueError: for shapes that do not fit, or what is not symmetric and positive definite.
    """
    scale_tril, failed = torch.linalg.cholesky_ex(covariance)
    symmetric = torch.allclose(covariance, covariance.mT, rtol=1e-4, atol=1e-6)
    if not symmetric or bool(failed.any()):
        raise ValueError("a covariance is symmetric and positive definite, this one is not")
    return from_scale_tril(logits, mu, scale_tril)


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
    """The same distribution as torch has it."""
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
    return Mixture(inner.mixture_distribution.logits, parts.loc, parts.scale.log(), "per_dim")


def _joint(distribution: MixtureSameFamily) -> Mixture | None:
    parts, logits = distribution.component_distribution, distribution.mixture_distribution.logits
    if isinstance(parts, MultivariateNormal):
        return from_scale_tril(logits, parts.loc, parts.scale_tril)
    if isinstance(parts, Normal):
        return Mixture(logits, parts.loc.unsqueeze(-1), parts.scale.log().unsqueeze(-1), "joint")
    if isinstance(parts, Independent) and isinstance(parts.base_dist, Normal):
        return Mixture(logits, parts.base_dist.loc, parts.base_dist.scale.log(), "joint")
    return None
