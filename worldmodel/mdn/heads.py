"""Linear heads that turn features into distributions."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from . import correlation
from .check import check_value, full_precision
from .config import Config, config, config_of, sigma_config
from .grouped import Grouped, Groups, check_groups
from .mixture import FACTORIZATIONS, Factorization, Mixture
from .nll import TOTAL, Outputs
from .sigma import BoundedLogSigma, SigmaMap, check_sigma
from .simple import Bernoulli, Categorical, Normal
from .start import cluster, moments, raw_for

Covariance = Literal["isotropic", "diagonal", "full"]
COVARIANCES: tuple[str, ...] = get_args(Covariance)


class FullPrecisionLinear(nn.Linear):
    """A linear layer that autocast leaves alone."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., in_features) of any float type to (..., out_features) in the weights' type."""
        with full_precision(features):
            return super().forward(features.to(self.weight.dtype))


class MixtureHead(nn.Module):
    """Features to a mixture of Gaussians, by one linear layer.

    Outputs, in order: logits, means, raw sigmas, regression coefficients, with K before D in each.
    The last start at 0: random correlations of many dimensions would make a density of nothing that
    occurs.

    `init_from` starts a head from data instead of from random numbers; it predicts in their units
    then, and its state dict holds `shift` and `scale`, the mean and the deviation of the data. One
    without them does not fit it any more.

    Args:
        in_features: size of the features.
        dim: D, size of the vector that is predicted.
        components: K.
        factorization: "joint" (K(2D + 1) outputs when diagonal) or "per_dim" (3KD outputs, the
            paper).
        sigma: map from raw outputs to log-sigma; `BoundedLogSigma()` if None.
        covariance: of each component. "diagonal"; "isotropic", one sigma for all dimensions;
            "full", correlated by D(D-1)/2 more outputs. All but "diagonal" need "joint".

    Raises:
        ValueError: for a size below 1, or a combination that does not exist.
    """

    def __init__(
        self,
        in_features: int,
        dim: int,
        components: int,
        *,
        factorization: Factorization = "joint",
        sigma: SigmaMap | None = None,
        covariance: Covariance = "diagonal",
    ) -> None:
        super().__init__()
        _check_head(dim, components, factorization, covariance)
        check_sigma(sigma)
        self.dim, self.components = dim, components
        self.factorization: Factorization = factorization
        self.covariance: Covariance = covariance
        self.sigma = sigma or BoundedLogSigma()
        weights = components * dim if factorization == "per_dim" else components
        sigmas = components if covariance == "isotropic" else components * dim
        coefficients = components * correlation.pairs(dim) if covariance == "full" else 0
        self._sizes = (weights, components * dim, sigmas, coefficients)
        self.linear = FullPrecisionLinear(in_features, sum(self._sizes))
        self.shift: Tensor | None
        self.scale: Tensor | None
        self.register_buffer("shift", None)
        self.register_buffer("scale", None)
        if coefficients:
            with torch.no_grad():
                self.linear.weight[-coefficients:] = 0
                self.linear.bias[-coefficients:] = 0

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(
            self,
            in_features=self.linear.in_features,
            dim=self.dim,
            components=self.components,
            factorization=self.factorization,
            sigma=sigma_config(self.sigma),
            covariance=self.covariance,
        )

    def forward(self, features: Tensor) -> Mixture:
        """(..., in_features) to a mixture over (..., dim)."""
        mixture = self._standard(features)
        if self.scale is None or self.shift is None:
            return mixture
        return mixture.affine(self.scale, self.shift)

    @torch.no_grad()
    def init_from(self, y: Tensor, generator: torch.Generator | None = None) -> None:
        """Start from data: their mean and deviation, and K clusters of what they are in these.

        The head then predicts the clusters whatever the features are, but for a tenth of what its
        random weights make of them: call it once.

        Args:
            y: (N, D), in the units in which the head is to predict.
            generator: of the rows that clusters begin at.

        Raises:
            ValueError: for data of another shape, or that are not finite.
        """
        shift, scale = moments(y.to(self.linear.weight))
        check_value(y, self.dim)
        shift, scale = _plain(shift), _plain(scale)
        rows = (y.to(shift) - shift) / scale
        per_dim = self.factorization == "per_dim"
        sets = rows.T.unsqueeze(-1) if per_dim else rows.unsqueeze(0)
        found = cluster(sets, self.components, generator)
        deviation = found.deviation
        if self.covariance == "isotropic":
            deviation = deviation.square().mean(-1, keepdim=True).sqrt()
        # One set of K for each dimension, or one of vectors: outputs have K before D.
        parts = [found.share.log().T if per_dim else found.share.log()[0]]
        parts += [part[..., 0].T if per_dim else part[0]
                  for part in (found.mean, raw_for(self.sigma, deviation.log()))]  # fmt: skip
        flat = torch.cat([part.reshape(-1) for part in parts])
        self.linear.weight *= 0.1
        self.linear.bias[: len(flat)] = flat
        self.linear.bias[len(flat) :] = 0
        self.shift, self.scale = shift, scale

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """A state dict of a head that started from data brings shift and scale along."""
        given = [state_dict.get(prefix + name) for name in ("shift", "scale")]
        fits = all(each is not None and each.shape == (self.dim,) for each in given)
        if fits and self.scale is None:
            weight = self.linear.weight
            self.shift, self.scale = (
                _plain(torch.empty(self.dim, dtype=weight.dtype, device=weight.device))
                for _ in range(2)
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _standard(self, features: Tensor) -> Mixture:
        """The mixture in the units in which the linear layer speaks."""
        logits, mu, raw, coefficients = self.linear(features).split(self._sizes, -1)
        mu = mu.unflatten(-1, (self.components, self.dim))
        log_sigma = self.sigma(raw).unflatten(-1, (self.components, -1))
        if self.factorization == "per_dim":
            logits = logits.unflatten(-1, (self.components, self.dim))
            return Mixture(logits.mT, mu.mT, log_sigma.mT, "per_dim")
        if not self._sizes[3]:
            return Mixture(logits, mu, log_sigma, "joint")
        regression = coefficients.unflatten(-1, (self.components, -1))
        return Mixture(logits, mu, log_sigma, "joint", regression)


class GroupedMixtureHead(nn.Module):
    """Features to groups of dimensions, each with a mixture of its own.

    Args:
        in_features: size of the features.
        groups: the dimensions of each group, such as [[0, 1], [2]].
        components: K of every group, or one for each.
        sigma: map from raw outputs to log-sigma; `BoundedLogSigma()` if None.
        covariance: of every group, or one for each.

    Raises:
        ValueError: if the groups do not hold each of 0 … D-1 once, or as in `MixtureHead`.
    """

    def __init__(
        self,
        in_features: int,
        groups: Sequence[Sequence[int]],
        components: int | Sequence[int],
        *,
        sigma: SigmaMap | None = None,
        covariance: Covariance | Sequence[Covariance] = "diagonal",
    ) -> None:
        super().__init__()
        self.groups: Groups = tuple(tuple(group) for group in groups)
        check_groups(self.groups)
        every = len(groups)
        counts = [components] * every if isinstance(components, int) else components
        kinds: Sequence[Covariance] = (
            [covariance] * every if isinstance(covariance, str) else covariance
        )
        if not len(kinds) == len(counts) == every:
            raise ValueError(
                f"{every} groups can't have {len(kinds)} covariances and {len(counts)} counts of "
                "components: give one of each for every group, or one for all"
            )
        self.parts = nn.ModuleList(
            MixtureHead(in_features, len(group), count, sigma=sigma, covariance=kind)
            for group, count, kind in zip(self.groups, counts, kinds, strict=True)
        )

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        parts = [config_of(part) for part in self.parts]
        return config(self, groups=[list(group) for group in self.groups], parts=parts)

    @torch.no_grad()
    def init_from(self, y: Tensor, generator: torch.Generator | None = None) -> None:
        """Start every group from data (N, D), see `MixtureHead.init_from`.

        Raises:
            ValueError: as there.
        """
        check_value(y, sum(map(len, self.groups)))
        for part, group in zip(self.parts, self.groups, strict=True):
            assert isinstance(part, MixtureHead)
            part.init_from(y[..., list(group)], generator)

    def forward(self, features: Tensor) -> Grouped:
        """(..., in_features) to mixtures over (..., D)."""
        return Grouped(tuple(part(features) for part in self.parts), self.groups)


class BernoulliHead(nn.Module):
    """Features to the chance of an event, by one linear layer with one output."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.linear = FullPrecisionLinear(in_features, 1)

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(self, in_features=self.linear.in_features)

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

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        size = self.linear.in_features
        return config(self, in_features=size, categories=self.linear.out_features)

    def forward(self, features: Tensor) -> Categorical:
        """(..., in_features) to a choice (...)."""
        return Categorical(self.linear(features))


class LeastSquaresHead(nn.Module):
    """Features to a Gaussian with a fixed sigma of 1, by one linear layer.

    Its likelihood is least squares, so the mean is unbiased. That is made for targets that are
    standardised beforehand, such as rewards; with a learned sigma a target that is almost always
    the same would outweigh every rare one.
    """

    def __init__(self, in_features: int, dim: int) -> None:
        super().__init__()
        _check_size(dim)
        self.linear = FullPrecisionLinear(in_features, dim)

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(self, in_features=self.linear.in_features, dim=self.linear.out_features)

    def forward(self, features: Tensor) -> Normal:
        """(..., in_features) to a Gaussian over (..., dim)."""
        mu = self.linear(features)
        return Normal(mu, torch.zeros_like(mu))


class NormalHead(nn.Module):
    """Features to a single Gaussian with a learned sigma, by one linear layer.

    Outputs, in order: means, raw sigmas.

    Args:
        in_features: size of the features.
        dim: D, size of the vector that is predicted.
        sigma: map from raw outputs to log-sigma; `BoundedLogSigma()` if None.
    """

    def __init__(self, in_features: int, dim: int, *, sigma: SigmaMap | None = None) -> None:
        super().__init__()
        _check_size(dim)
        check_sigma(sigma)
        self.sigma = sigma or BoundedLogSigma()
        self.linear = FullPrecisionLinear(in_features, 2 * dim)

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(
            self,
            in_features=self.linear.in_features,
            dim=self.linear.out_features // 2,
            sigma=sigma_config(self.sigma),
        )

    def forward(self, features: Tensor) -> Normal:
        """(..., in_features) to a Gaussian over (..., dim)."""
        mu, raw = self.linear(features).chunk(2, -1)
        return Normal(mu, self.sigma(raw))


class Heads(nn.ModuleDict):
    """Several heads on the same features.

    Raises:
        ValueError: for a head called "total", which is what all of them cost together.
    """

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        if TOTAL in heads:
            raise ValueError(f"a head can't be called {TOTAL!r}: that is the sum over all heads")
        super().__init__(heads)

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(self, heads={name: config_of(head) for name, head in self.items()})

    def forward(self, features: Tensor) -> Outputs:
        """(..., in_features) to distributions by name."""
        return Outputs({name: head(features) for name, head in self.items()})


def _check_head(
    dim: int, components: int, factorization: Factorization, covariance: Covariance
) -> None:
    if factorization not in FACTORIZATIONS:
        raise ValueError(f"factorization is {factorization!r}: use per_dim or joint")
    if covariance not in COVARIANCES:
        raise ValueError(f"covariance is {covariance!r}: use {', '.join(COVARIANCES)}")
    if min(dim, components) < 1:
        raise ValueError(f"dim is {dim}, components {components}: use at least 1")
    if covariance != "diagonal" and factorization == "per_dim":
        raise ValueError(f"covariance is {covariance!r}: per_dim mixtures are diagonal")


def _check_size(dim: int) -> None:
    if dim < 1:
        raise ValueError(f"dim is {dim}: use at least 1")


def _plain(tensor: Tensor) -> Tensor:
    """A copy that training can use, even if it is made in inference mode."""
    with torch.inference_mode(False):
        return tensor.clone()
