"""Linear heads that turn features into distributions."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from worldmodel.mdn import correlation
from worldmodel.mdn.grouped import Grouped, Groups, check_groups
from worldmodel.mdn.mixture import FACTORIZATIONS, Factorization, Mixture
from worldmodel.mdn.nll import Outputs
from worldmodel.mdn.sigma import BoundedLogSigma, SigmaMap
from worldmodel.mdn.simple import Bernoulli, Categorical, Normal

Covariance = Literal["isotropic", "diagonal", "bivariate", "full"]
COVARIANCES: tuple[str, ...] = get_args(Covariance)


class FullPrecisionLinear(nn.Linear):
    """A linear layer that autocast leaves alone: likelihoods need more than 8 bits of mantissa."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., in_features) of any float type to (..., out_features) in the weights' type."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.to(self.weight.dtype))


class MixtureHead(nn.Module):
    """Features to a mixture of Gaussians, by one linear layer.

    Outputs, in order: logits, means, raw sigmas, raw partial correlations, with K before D in each.

    Args:
        in_features: size of the features.
        event_dim: D, size of the vector that is predicted.
        components: K.
        factorization: "per_dim" (3KD outputs, the paper) or "joint" (K(2D + 1) outputs when
            diagonal).
        sigma: map from raw outputs to log-sigma; `BoundedLogSigma()` if None.
        covariance: of each component. "diagonal"; "isotropic", one sigma for all dimensions;
            "full", correlated by D(D-1)/2 more outputs; "bivariate", which is "full" for D = 2.
            All but "diagonal" need "joint".

    Raises:
        ValueError: for a size below 1, or a combination that does not exist.
    """

    def __init__(
        self,
        in_features: int,
        event_dim: int,
        components: int,
        factorization: Factorization,
        sigma: SigmaMap | None = None,
        covariance: Covariance = "diagonal",
    ) -> None:
        super().__init__()
        _check_head(event_dim, components, factorization, covariance)
        self.event_dim, self.components = event_dim, components
        self.factorization: Factorization = factorization
        self.covariance: Covariance = covariance
        self.sigma = sigma or BoundedLogSigma()
        weights = components * event_dim if factorization == "per_dim" else components
        sigmas = components if covariance == "isotropic" else components * event_dim
        correlated = covariance in ("bivariate", "full")
        correlations = components * correlation.pairs(event_dim) if correlated else 0
        self._sizes = (weights, components * event_dim, sigmas, correlations)
        self.linear = FullPrecisionLinear(in_features, sum(self._sizes))

    def forward(self, features: Tensor) -> Mixture:
        """(..., in_features) to a mixture over (..., event_dim)."""
        logits, mu, raw, correlations = self.linear(features).split(self._sizes, -1)
        mu = mu.unflatten(-1, (self.components, self.event_dim))
        log_sigma = self.sigma(raw).unflatten(-1, (self.components, -1))
        if self.factorization == "per_dim":
            logits = logits.unflatten(-1, (self.components, self.event_dim))
            return Mixture(logits.mT, mu.mT, log_sigma.mT, "per_dim")
        if not self._sizes[3]:
            return Mixture(logits, mu, log_sigma, "joint")
        partial = correlation.bound(correlations, self.event_dim)
        return Mixture(logits, mu, log_sigma, "joint", partial.unflatten(-1, (self.components, -1)))


class GroupedMixtureHead(nn.Module):
    """Features to groups of dimensions, each with a mixture of its own.

    Args:
        in_features: size of the features.
        groups: the dimensions of each group, such as [[0, 1], [2]].
        components: K of every group.
        sigma: map from raw outputs to log-sigma; `BoundedLogSigma()` if None.
        covariance: of every group, or one for each.

    Raises:
        ValueError: if the groups do not hold each of 0 … D-1 once, or as in `MixtureHead`.
    """

    def __init__(
        self,
        in_features: int,
        groups: Sequence[Sequence[int]],
        components: int,
        sigma: SigmaMap | None = None,
        covariance: Covariance | Sequence[Covariance] = "diagonal",
    ) -> None:
        super().__init__()
        self.groups: Groups = tuple(tuple(group) for group in groups)
        check_groups(self.groups)
        kinds: Sequence[Covariance] = (
            [covariance] * len(groups) if isinstance(covariance, str) else covariance
        )
        if len(kinds) != len(groups):
            raise ValueError(f"{len(groups)} groups can't have {len(kinds)} covariances")
        self.parts = nn.ModuleList(
            MixtureHead(in_features, len(group), components, "joint", sigma, kind)
            for group, kind in zip(self.groups, kinds, strict=True)
        )

    def forward(self, features: Tensor) -> Grouped:
        """(..., in_features) to mixtures over (..., D)."""
        return Grouped(tuple(part(features) for part in self.parts), self.groups)


class BernoulliHead(nn.Module):
    """Features to the chance of an event, by one linear layer with one output."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.linear = FullPrecisionLinear(in_features, 1)

    def forward(self, features: Tensor) -> Bernoulli:
        """(..., in_features) to a Bernoulli over (...)."""
        return Bernoulli(self.linear(features).squeeze(-1))


class CategoricalHead(nn.Module):
    """Features to one of `categories`, by one linear layer."""

    def __init__(self, in_features: int, categories: int) -> None:
        super().__init__()
        if categories < 2:
            raise ValueError(f"categories is {categories}: use at least 2")
        self.linear = FullPrecisionLinear(in_features, categories)

    def forward(self, features: Tensor) -> Categorical:
        """(..., in_features) to a choice (...)."""
        return Categorical(self.linear(features))


class NormalHead(nn.Module):
    """Features to a single Gaussian, by one linear layer.

    Args:
        in_features: size of the features.
        event_dim: D, size of the vector that is predicted.
        sigma: map from raw outputs to a learned log-sigma. None for a fixed sigma of 1: least
            squares, so the mean is unbiased. That is made for targets that are standardised
            beforehand, such as rewards; with a learned sigma a target that is almost always the
            same would outweigh every rare one.
    """

    def __init__(self, in_features: int, event_dim: int, sigma: SigmaMap | None = None) -> None:
        super().__init__()
        self.sigma = sigma
        self.linear = FullPrecisionLinear(in_features, event_dim * (1 if sigma is None else 2))

    def forward(self, features: Tensor) -> Normal:
        """(..., in_features) to a Gaussian over (..., event_dim)."""
        output = self.linear(features)
        if self.sigma is None:
            return Normal(output, output.new_zeros(()))
        mean, raw = output.chunk(2, -1)
        return Normal(mean, self.sigma(raw))


class Heads(nn.ModuleDict):
    """Several heads on the same features."""

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        super().__init__(heads)

    def forward(self, features: Tensor) -> Outputs:
        """(..., in_features) to distributions by name."""
        return Outputs({name: head(features) for name, head in self.items()})


def _check_head(
    event_dim: int, components: int, factorization: Factorization, covariance: Covariance
) -> None:
    if factorization not in FACTORIZATIONS:
        raise ValueError(f"factorization is {factorization!r}: use per_dim or joint")
    if covariance not in COVARIANCES:
        raise ValueError(f"covariance is {covariance!r}: use {', '.join(COVARIANCES)}")
    if min(event_dim, components) < 1:
        raise ValueError(f"event_dim is {event_dim}, components {components}: use at least 1")
    if covariance != "diagonal" and factorization == "per_dim":
        raise ValueError(f"covariance is {covariance!r}: per_dim mixtures are diagonal")
    if covariance == "bivariate" and event_dim != 2:
        raise ValueError(f"event_dim is {event_dim}: a bivariate covariance needs 2")
