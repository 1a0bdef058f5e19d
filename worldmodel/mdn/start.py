"""Where a mixture head starts if it has seen data: clusters, in standard units."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

ENOUGH = 10_000  # rows that clusters are made from
ROUNDS = 20
SMALLEST = 1e-3  # sigma of a cluster, in deviations of the data
REACH = 64.0  # raw outputs that are searched for a log-sigma


class Clusters(NamedTuple):
    """Shares (S, K), means and deviations (S, K, E) of the clusters in S sets of E numbers."""

    share: Tensor
    mean: Tensor
    deviation: Tensor


def moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (D,) of data (N, D); 1 for a dimension that is constant.

    Raises:
        ValueError: for data of another shape, of less than 2 rows, or that are not finite.
    """
    if y.ndim != 2 or len(y) < 2:
        raise ValueError(f"data are {tuple(y.shape)}: use (N, D) with at least 2 rows")
    if not bool(y.isfinite().all()):
        raise ValueError("data hold values that are not finite")
    mean, deviation = y.mean(0), y.std(0)
    varies = y.amax(0) > y.amin(0)  # the deviation of a constant is one of rounding
    return mean, torch.where(varies, deviation, torch.ones_like(deviation))


def cluster(y: Tensor, components: int, generator: torch.Generator | None = None) -> Clusters:
    """K-means (Lloyd 1982) in each of S sets of rows (S, N, E), all at once.

    It begins at rows that are drawn far from those before (Arthur & Vassilvitskii 2007).
    """
    rows = y[:, torch.randperm(y.shape[1], generator=generator)[:ENOUGH]]
    center = _begin(rows, components, generator)
    for _ in range(ROUNDS):
        member = _members(rows, center)
        count = member.sum(1).unsqueeze(-1)
        moved = member.mT @ rows / count.clamp(min=1)
        center = torch.where(count > 0, moved, center)
    member = _members(rows, center)
    count = member.sum(1).unsqueeze(-1)
    spread = member.mT @ rows.square() / count.clamp(min=1) - center.square()
    # One row alone has no deviation: such a cluster gets that of all.
    deviation = torch.where(count > 1, spread.clamp(min=0).sqrt(), rows.std(1, keepdim=True))
    share = (count.squeeze(-1) + 1) / (rows.shape[1] + components)
    return Clusters(share, center, deviation.clamp(min=SMALLEST))


def raw_for(sigma: Callable[[Tensor], Tensor], log_sigma: Tensor) -> Tensor:
    """The raw output that an increasing map turns into a log-sigma, or the nearest, by halving."""
    low, high = torch.full_like(log_sigma, -REACH), torch.full_like(log_sigma, REACH)
    for _ in range(60):
        middle = (low + high) / 2
        below = sigma(middle) < log_sigma
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def _begin(rows: Tensor, components: int, generator: torch.Generator | None) -> Tensor:
    every = torch.arange(len(rows))
    chosen = [rows[:, 0]]
    for _ in range(components - 1):
        nearest = torch.cdist(rows, torch.stack(chosen, 1)).square().amin(-1)
        place = torch.multinomial(nearest + 1e-12, 1, generator=generator).squeeze(-1)
        chosen.append(rows[every, place])
    return torch.stack(chosen, 1)


def _members(rows: Tensor, center: Tensor) -> Tensor:
    """1 where a row (S, N) belongs to a center: (S, N, K)."""
    nearest = torch.cdist(rows, center).argmin(-1)
    return torch.nn.functional.one_hot(nearest, center.shape[1]).to(rows.dtype)
