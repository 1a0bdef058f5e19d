"""The log-density of M's mixture and its gradient."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.mdn import Mixture


def mixture(setting: Setting) -> Row:
    """Vectors per second, against torch's own distribution."""
    return _densities(setting, _torchs, "torch.distributions.MixtureSameFamily")


def mixture_formula(setting: Setting) -> Row:
    """The same against the formula alone, without an object or a check."""
    return _densities(setting, _formula, "the bare formula, K last")


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

    def timed(log_prob: Callable[..., Tensor]) -> Callable[[], None]:
        def run() -> None:
            given = [parameter.clone().requires_grad_() for parameter in raw]
            log_prob(*given, value).mean().backward()

        return run

    took = alternate({"ours": timed(_ours), "naive": timed(naive)}, setting.sizes.rounds)
    return Row(count / took["ours"], count / took["naive"], "vectors/s", way)
