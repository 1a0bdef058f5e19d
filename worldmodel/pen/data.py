"""Steps of a pen as a network sees them: noise over the lattice, units, and augmentation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from worldmodel.data.sequences import SequenceData, Sequences
from worldmodel.types import FloatArray, IntArray


class StrokeSet(Protocol):
    """A set of drawings."""

    @property
    def quantum(self) -> float:
        """Width of the noise that hides the lattice of its coordinates, in its units."""
        ...

    def load(self) -> Sequences:
        """Its drawings as steps (n, 3) of dx, dy and pen state."""
        ...


@dataclass(frozen=True)
class BatchConfig:
    """Drawings in a batch, and how they are varied in training.

    `stretch` is by how much a drawing is made larger or smaller along each axis, at most, as in
    Ha & Eck 2017, appendix; `turn` by how many degrees it is turned; `slant` by how much of its
    height it leans.
    """

    batch_size: int
    stretch: float
    turn: float
    slant: float

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batches.batch_size is {self.batch_size}: use at least 1")
        for key in ("stretch", "turn", "slant"):
            if getattr(self, key) < 0:
                raise ValueError(f"batches.{key} is {getattr(self, key)}: use 0 or more")
        if self.stretch >= 1:
            raise ValueError(f"batches.stretch is {self.stretch}: it is a share, use less than 1")


@dataclass(frozen=True)
class Units:
    """What steps and positions are divided by: their deviations in the training data."""

    scale: float
    place_scale: float


def units(sequences: Sequences) -> Units:
    """Deviation of all dx and dy of the training drawings, and of positions in units of it."""
    moves = sequences.rows_of("train")[:, :2].astype(np.float64)
    scale = float(moves.std())
    along = np.diff(sequences.offsets)[sequences.of("train")]
    places = moves.cumsum(0)
    begins = np.cumsum(along) - along
    origin = np.where(begins[:, None] > 0, places[begins - 1], 0)
    places -= np.repeat(origin, along, 0)
    return Units(scale, float(np.sqrt((places**2).mean())) / scale)


def pen_data(
    sequences: Sequences,
    quantum: float,
    scale: float,
    config: BatchConfig,
    seed: int,
    beside: Callable[[IntArray], dict[str, Tensor]] | None = None,
) -> SequenceData:
    """Batches of steps (B, T, 3) in units of `scale`, and what is `beside`, see `SequenceData`."""

    def prepare(rows: FloatArray, rng: np.random.Generator, train: bool) -> FloatArray:
        rows = rows.copy()
        noise = rng.random((*rows.shape[:2], 2), np.float32) - 0.5
        rows[..., :2] = (rows[..., :2] + quantum * noise) / scale
        if train:
            rows[..., :2] = rows[..., :2] @ _changes(len(rows), config, rng)
        return rows

    return SequenceData(sequences, prepare, config.batch_size, seed, beside=beside)


def _changes(count: int, config: BatchConfig, rng: np.random.Generator) -> FloatArray:
    """A linear map (count, 2, 2) of the plane for each drawing."""
    stretch = 1 + config.stretch * rng.uniform(-1, 1, (count, 2))
    angle = np.deg2rad(config.turn) * rng.uniform(-1, 1, count)
    slant = config.slant * rng.uniform(-1, 1, count)
    change = np.zeros((count, 2, 2))
    change[:, 0, 0] = change[:, 1, 1] = 1
    change[:, 1, 0] = slant
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return ((stretch[:, :, None] * change) @ turn.transpose(2, 0, 1)).astype(np.float32)
