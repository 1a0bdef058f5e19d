"""Mixtures with random parameters, for tests of the mixture density library."""

import torch

from worldmodel.mdn import Mixture
from worldmodel.mdn.correlation import pairs


def mixture(factorization, batch=(7,), d=4, k=5, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*batch, *shape, generator=g, dtype=torch.float64).to(dtype)

    shape = (d, k) if factorization == "per_dim" else (k, d)
    logits = draw(d, k) if factorization == "per_dim" else draw(k)
    return Mixture(logits, 2 * draw(*shape), 0.5 * draw(*shape), factorization)


def full(d=4, k=3, batch=(7,), dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*batch, *shape, generator=g, dtype=torch.float64).to(dtype)

    return Mixture(draw(k), 2 * draw(k, d), 0.5 * draw(k, d), "joint", 0.5 * draw(k, pairs(d)))


def isotropic(d=4, k=3):
    g = torch.Generator().manual_seed(0)
    shapes = ((7, k), (7, k, d), (7, k, 1))
    return Mixture(*(torch.randn(s, generator=g, dtype=torch.float64) for s in shapes), "joint")
