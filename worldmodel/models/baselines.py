"""What M must beat: predictions of the next latent that need no network.

Both are averaged over V's posteriors in closed form, so they are what `MDNRNN.loss` would log as
`z_nats_per_dim` for such a model, without its sampling noise. The third baseline, one Gaussian
with an LSTM, is MDNRNN itself with components=1.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from worldmodel.models.mdnrnn import Batch, masked_mean


def unit_gaussian_nats(batches: Iterable[Batch]) -> float:
    """Nats per dimension of the next latents under N(0, 1), the prior that V was trained with."""
    return _average(batches, lambda batch: _nats(_next_square(batch), torch.ones(())))


def fit_persistence(batches: Iterable[Batch]) -> Tensor:
    """Maximum-likelihood sigma (Z,) of z' - z over training batches."""
    total, count = torch.zeros((), dtype=torch.float64), 0.0
    for batch in batches:
        mask = batch["mask"] > 0
        total = total + _step_square(batch)[mask].sum(0, dtype=torch.float64)
        count += float(mask.sum())
    return (total / count).sqrt().float()


def persistence_nats(batches: Iterable[Batch], sigma: Tensor) -> float:
    """Nats per dimension when nothing is expected to change: z' ~ N(z, sigma²).

    Args:
        batches: as for `MDNRNN.loss`.
        sigma: (Z,), from `fit_persistence`.
    """
    return _average(batches, lambda batch: _nats(_step_square(batch), sigma))


def _next_square(batch: Batch) -> Tensor:
    """Expected z'² (B, T, Z) under V's posterior."""
    return (batch["mu"].float().square() + batch["logvar"].float().exp())[:, 1:]


def _step_square(batch: Batch) -> Tensor:
    """Expected (z' - z)² (B, T, Z) under V's posteriors, drawn independently."""
    variance = batch["logvar"].float().exp()
    return batch["mu"].float().diff(dim=1).square() + variance[:, 1:] + variance[:, :-1]


def _nats(square: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian nats per dimension (B, T) of expected squared distances (B, T, Z)."""
    return (0.5 * square / sigma.square() + sigma.log() + 0.5 * math.log(2 * math.pi)).mean(-1)


def _average(batches: Iterable[Batch], nats: Callable[[Batch], Tensor]) -> float:
    """Mean over real steps, batches weighted by their size as hold-out losses are."""
    total, count = 0.0, 0
    for batch in batches:
        size = len(batch["mask"])
        total += float(masked_mean(nats(batch), batch["mask"].float())) * size
        count += size
    return total / count
