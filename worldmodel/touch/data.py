"""Touches as a network sees them: noise over the lattice, and augmentation."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from worldmodel.data.sequences import SequenceData, Sequences
from worldmodel.models.markov import Steps
from worldmodel.types import BoolArray, FloatArray

SHORTEST = 1e-6  # seconds between two touches


class TouchSet(Protocol):
    """A set of performances."""

    @property
    def quantum(self) -> float:
        """Width of the noise that hides the lattice of x and y, in fractions of the screen."""
        ...

    @property
    def time_quantum(self) -> float:
        """Width of the noise on times, in seconds: most come at a screen's sixtieth of a second."""
        ...

    def load(self) -> Sequences:
        """Its performances as touches (n, 3) of x, y and dt."""
        ...


@dataclass(frozen=True)
class TouchBatchConfig:
    """Performances in a batch, and how they are varied in training.

    Longer ones are cut into pieces of `window` touches. `mirror` is the chance that one is
    mirrored, along each axis by itself; `tempo` by how much it is made faster or slower, at most.
    """

    batch_size: int
    window: int
    mirror: float
    tempo: float

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.window < 2:
            raise ValueError(
                f"batches.batch_size is {self.batch_size} and window {self.window}: use at least "
                "1 performance and 2 touches"
            )
        if not (0 <= self.mirror <= 1 and 0 <= self.tempo < 1):
            raise ValueError("batches.mirror and batches.tempo are shares: use 0 to 1")


def touch_data(
    sequences: Sequences, quantum: float, time_quantum: float, config: TouchBatchConfig, seed: int
) -> SequenceData:
    """Batches of touches (B, T, 3) with noise: the moves between them have some of width `quantum`.

    The noise of a move is uniform, so that of positions is its sum along the performance.
    """

    def prepare(rows: FloatArray, rng: np.random.Generator, train: bool) -> FloatArray:
        rows = rows.copy()
        if train:
            flip = rng.random((len(rows), 1, 2)) < config.mirror
            rows[..., :2] = np.where(flip, 1 - rows[..., :2], rows[..., :2])
            rows[..., 2:] *= np.exp(config.tempo * rng.uniform(-1, 1, (len(rows), 1, 1)))
        noise = quantum * (rng.random((*rows.shape[:2], 2), np.float32) - 0.5)
        rows[..., :2] += noise.cumsum(1)
        rows[..., 2] = np.maximum(rows[..., 2], max(time_quantum, SHORTEST))
        rows[..., 2] += time_quantum * (rng.random(rows.shape[:2], np.float32) - 0.5)
        return rows

    return SequenceData(sequences, prepare, config.batch_size, seed, config.window)


def touch_steps(data: SequenceData, split: str) -> tuple[Steps, FloatArray]:
    """Moves and log times of a split with those before them, and the log times (N,) alone."""
    values: list[FloatArray] = []
    befores: list[FloatArray] = []
    firsts: list[BoolArray] = []
    for batch in data.of(split):
        touches, mask = batch["rows"].numpy().astype(np.float64), batch["mask"].numpy()
        touches[~mask] = 1
        steps = np.concatenate([np.diff(touches[..., :2], axis=1), np.log(touches[:, 1:, 2:])], -1)
        before = np.concatenate([np.zeros_like(steps[:, :1]), steps[:, :-1]], 1)
        first = np.zeros(mask[:, 1:].shape, bool)
        first[:, 0] = True
        known = mask[:, 1:]
        values.append(steps[known])
        befores.append(before[known])
        firsts.append(first[known])
    value, first = np.concatenate(values), np.concatenate(firsts)
    kind = np.zeros(len(value), np.int64)
    return Steps(value, np.concatenate(befores), kind, first), value[:, 2]
