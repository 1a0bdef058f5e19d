"""What a sequence costs without a network: mixtures that know one step before, or none."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worldmodel.mdn import Mixture, fit_em, marginal
from worldmodel.types import BoolArray, FloatArray, IntArray

ROWS = 20_000  # that a mixture is fitted to, at most
LEAST = 10  # rows for each component
ALONE, PAIRS, FIRST = 20, 40, 5  # components: of a step, of a step and the one before, of a first


@dataclass(frozen=True, eq=False)
class Steps:
    """Rows of a split, with the row before each.

    `value` (N, D) and `before` (N, D), zeros at a first one; `kind` (N,), small numbers by which
    mixtures are told apart, such as the pen's state before; `first` (N,).
    """

    value: FloatArray
    before: FloatArray
    kind: IntArray
    first: BoolArray


@dataclass(frozen=True)
class Floors:
    """Mean nats of a row of the test split.

    `gaussian` is one Gaussian with full covariance, `mixture` one mixture for each kind of row,
    `markov` one that knows the row before.
    """

    gaussian: float
    mixture: float
    markov: float


def floors(train: Steps, test: Steps, seed: int) -> Floors:
    """Fit to the one and measure on the other.

    p(row | row before) is a mixture over both, conditioned: no network, one step of memory.
    """
    generator = torch.Generator().manual_seed(seed)

    def fit(rows: NDArray[np.floating], components: int) -> Mixture:
        kept = torch.randperm(len(rows), generator=generator)[:ROWS]
        many = max(1, min(components, len(kept) // LEAST))
        return fit_em(torch.from_numpy(rows)[kept], many, generator=generator)

    gaussian = nats(fit(train.value, 1), test.value)
    alone, pair = np.empty((2, len(test.value)))
    at = test.first
    alone[at] = pair[at] = nats(fit(train.value[train.first], FIRST), test.value[at])
    for kind in np.unique(test.kind):
        of = (train.kind == kind) & ~train.first
        of = of if of.sum() >= LEAST else ~train.first  # a kind that training hardly knows
        at = (test.kind == kind) & ~test.first
        if not at.any():
            continue
        alone[at] = nats(fit(train.value[of], ALONE), test.value[at])
        both = fit(_joined(train, of), PAIRS)
        known = tuple(range(train.value.shape[1]))
        pair[at] = nats(both, _joined(test, at)) - nats(marginal(both, known), test.before[at])
    return Floors(float(gaussian.mean()), float(alone.mean()), float(pair.mean()))


def nats(mixture: Mixture, rows: FloatArray) -> NDArray[np.float64]:
    """Negative log density (N,) of rows (N, D)."""
    parts = torch.from_numpy(rows).double().split(ROWS)
    return torch.cat([-mixture.log_prob(part) for part in parts]).numpy()


def choice_nats(
    train: tuple[IntArray, IntArray], test: tuple[IntArray, IntArray], choices: int
) -> float:
    """Mean nats of a choice (N,) given the one before: (before, now) of each split."""
    counts = np.full((choices, choices), 0.5)
    np.add.at(counts, train, 1)
    chance = counts / counts.sum(1, keepdims=True)
    return float(-np.log(chance[test]).mean())


def _joined(steps: Steps, which: BoolArray) -> FloatArray:
    return np.concatenate([steps.before[which], steps.value[which]], 1)
