"""Log-densities of mixtures with their gradients, and draws."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.mdn import Mixture
from worldmodel.mdn.correlation import pairs


def mixture(setting: Setting) -> Row:
    """Vectors per second, against torch's own distribution."""
    return _densities(setting, _torchs, "torch.distributions.MixtureSameFamily")


def mixture_formula(setting: Setting) -> Row:
    """The same against the formula alone, without an object or a check."""
    return _densities(setting, _formula, "the bare formula, K last")


def mixture_full(setting: Setting) -> Row:
    """Vectors per second of correlated components, against torch's Cholesky factors."""
    generator = torch.Generator().manual_seed(0)
    count = max(1, setting.sizes.vectors // 16)  # D² numbers for each
    dim, components = setting.vae.z_dim, setting.mdnrnn.components
    shapes = ((components,), (components, dim), (components, dim), (components, pairs(dim)))
    raw = [0.3 * torch.randn(count, *shape, generator=generator) for shape in shapes]
    value = torch.randn(count, dim, generator=generator)
    # The other gets a factor, as a network would put it out, in place of coefficients.
    factor = Mixture(raw[0], raw[1], raw[2], "joint", raw[3]).scale_tril

    def ours(logits: Tensor, mu: Tensor, log_sigma: Tensor, tied: Tensor) -> Tensor:
        return Mixture(logits, mu, log_sigma, "joint", tied).log_prob(value)

    def theirs(logits: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
        parts = MultivariateNormal(mu, scale_tril=scale_tril.tril())
        return MixtureSameFamily(Categorical(logits=logits), parts).log_prob(value)

    ways = {"ours": _timed(ours, raw), "naive": _timed(theirs, [*raw[:2], factor])}
    took = alternate(ways, setting.sizes.rounds)
    way = "MixtureSameFamily of MultivariateNormal"
    return Row(count / took["ours"], count / took["naive"], "vectors/s", way)


def mixture_sample(setting: Setting) -> Row:
    """Draws per second, against torch's own distribution."""
    generator = torch.Generator().manual_seed(0)
    count, dim, components = setting.sizes.vectors, setting.vae.z_dim, setting.mdnrnn.components
    logits, mu, log_sigma = (
        torch.randn(count, dim, components, generator=generator) for _ in range(3)
    )
    m = Mixture(logits, mu, log_sigma, "per_dim")
    theirs = MixtureSameFamily(Categorical(logits=logits), Normal(mu, log_sigma.exp()))
    ways = {"ours": m.sample, "naive": theirs.sample}
    took = alternate(ways, setting.sizes.rounds)
    draws = count * dim
    way = "torch.distributions.MixtureSameFamily"
    return Row(draws / took["ours"], draws / took["naive"], "draws/s", way)


def _torchs(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
    parts = Normal(mu, log_sigma.exp())
    return Independent(MixtureSameFamily(Categorical(logits=logits), parts), 1).log_prob(value)


def _formula(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
    distance = (value.unsqueeze(-1) - mu) * torch.exp(-log_sigma)
    density = -0.5 * distance.square() - log_sigma - 0.5 * math.log(2 * math.pi)
    return torch.logsumexp(logits.log_softmax(-1) + density, -1).sum(-1)


def _ours(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
    return Mixture(logits, mu, log_sigma, "per_dim").log_prob(value)


def _densities(setting: Setting, naive: Callable[..., Tensor], way: str) -> Row:
    generator = torch.Generator().manual_seed(0)
    count, dim, components = setting.sizes.vectors, setting.vae.z_dim, setting.mdnrnn.components
    # With K last in memory, which suits the others better than what our heads put out.
    raw = [torch.randn(count, dim, components, generator=generator) for _ in range(3)]
    value = torch.randn(count, dim, generator=generator)

    ways = {
        name: _timed(partial(log_prob, value=value), raw)
        for name, log_prob in (("ours", _ours), ("naive", naive))
    }
    took = alternate(ways, setting.sizes.rounds)
    return Row(count / took["ours"], count / took["naive"], "vectors/s", way)


def _timed(log_prob: Callable[..., Tensor], raw: Sequence[Tensor]) -> Callable[[], None]:
    def run() -> None:
        log_prob(*(parameter.clone().requires_grad_() for parameter in raw)).mean().backward()

    return run
