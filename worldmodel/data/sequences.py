"""Sequences of different lengths: as one array of rows, and as padded batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldmodel.seed import derive
from worldmodel.types import FloatArray, IntArray, UserError

SPLITS = {"train": 0, "valid": 1, "test": 2}
Prepare = Callable[[FloatArray, np.random.Generator, bool], FloatArray]
POOL = 16  # batches whose sequences are sorted by length, so that little is padding


@dataclass(frozen=True, eq=False)
class Sequences:
    """M sequences of rows; sequence i is rows[offsets[i]:offsets[i + 1]].

    `split` (M,) says what each is for: 0 train, 1 valid, 2 test. `labels` has what else is known
    of each, such as the code point of a character, (M,) by name.
    """

    rows: FloatArray  # (N, D)
    offsets: IntArray  # (M + 1,)
    split: NDArray[np.uint8]  # (M,)
    labels: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> FloatArray:
        return self.rows[self.offsets[index] : self.offsets[index + 1]]

    def of(self, split: str) -> IntArray:
        """Indices of the sequences of a split."""
        return np.flatnonzero(self.split == SPLITS[split])

    def rows_of(self, split: str) -> FloatArray:
        """The rows (n, D) of a split, one sequence after the other."""
        return self.rows[np.repeat(self.split, np.diff(self.offsets)) == SPLITS[split]]

    def kept(self, keep: NDArray[np.bool_]) -> "Sequences":
        """Those that `keep` (M,) says."""
        indices = np.flatnonzero(keep)
        labels = {name: label[indices] for name, label in self.labels.items()}
        return concat([self[int(i)] for i in indices], self.split[indices], labels)


def concat(
    items: Sequence[NDArray[Any]],
    split: NDArray[Any] | Sequence[int],
    labels: dict[str, NDArray[Any]] | None = None,
) -> Sequences:
    """Sequences of arrays (n, D).

    Raises:
        UserError: if there are none.
    """
    if not len(items):
        raise UserError("There are no sequences in this data set.")
    offsets = np.concatenate([[0], np.cumsum([len(item) for item in items])]).astype(np.int64)
    rows = np.concatenate(items).astype(np.float32)
    return Sequences(rows, offsets, np.asarray(split, np.uint8), labels or {})


def sorted_batches(
    lengths: IntArray, batch_size: int, seed: int, start: int
) -> Iterator[tuple[int, IntArray]]:
    """Endless (step, indices (B,)) from step `start` on: every sequence once an epoch.

    A batch has sequences of about one length; which ones is a function of (seed, step) alone.
    """
    every = max(1, len(lengths) // batch_size)  # batches of an epoch
    step = start
    while True:
        epoch, within = divmod(step, every)
        order = _epoch(lengths, batch_size, derive(seed, "train", epoch))
        for batch in order[within:]:
            yield step, batch
            step += 1


def _epoch(lengths: IntArray, batch_size: int, seed: int) -> list[IntArray]:
    rng = np.random.default_rng(seed)
    size = min(batch_size, len(lengths))
    order = rng.permutation(len(lengths))[: max(1, len(lengths) // batch_size) * size]
    batches: list[IntArray] = []
    for first in range(0, len(order), size * POOL):
        pool = order[first : first + size * POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def in_order(lengths: IntArray, batch_size: int) -> list[IntArray]:
    """Indices in batches of about one length, all of them once, the shortest first."""
    order = np.argsort(lengths, kind="stable")
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


class SequenceData:
    """Padded batches of sequences for `fit`, and for measuring.

    A batch has `rows` (B, T, D) as `prepare` makes them of raw rows, `mask` (B, T), 1 for what is
    no padding, and `per`, the mean length of a sequence: what a model divides its sum of nats by,
    so that their mean over batches, by sequences, is one over rows.

    Args:
        sequences: raw.
        prepare: (rows (B, T, D), generator, whether to train) to rows of the same kind: where noise
            and units come in.
        batch_size: sequences of a training batch.
        seed: batches are a function of it and the step alone.
        window: rows of a training sequence, at most; longer ones are cut into several, each
            beginning with the last row of the one before. None: whole.
        beside: what else a batch has, of the indices (B,) of its sequences.

    Raises:
        UserError: if a split has no sequences.
    """

    def __init__(
        self,
        sequences: Sequences,
        prepare: Prepare,
        batch_size: int,
        seed: int,
        window: int | None = None,
        beside: Callable[[IntArray], dict[str, Tensor]] | None = None,
    ) -> None:
        self.sequences, self._prepare = sequences, prepare
        self._batch_size, self._seed = batch_size, seed
        self._window, self._beside = window, beside
        for name in SPLITS:
            if not len(sequences.of(name)):
                raise UserError(f"This data set has nothing to {name}: it has too few sequences.")

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Endless training batches from step `start` on."""
        pieces = _pieces(self.sequences, self.sequences.of("train"), self._window)
        for step, items in sorted_batches(pieces.lengths, self._batch_size, self._seed, start):
            rng = np.random.default_rng(derive(self._seed, "train", step, 1))
            yield self._batch(pieces, items, rng, True)

    def holdout(self) -> Iterator[dict[str, Tensor]]:
        """The validation sequences, whole."""
        return self.of("valid")

    def of(self, split: str) -> Iterator[dict[str, Tensor]]:
        """All sequences of a split, whole, with the same noise every time."""
        rng = np.random.default_rng(derive(self._seed, "test"))
        pieces = _pieces(self.sequences, self.sequences.of(split), None)
        for items in in_order(pieces.lengths, self._batch_size):
            yield self._batch(pieces, items, rng, False)

    def _batch(
        self, pieces: "Pieces", items: IntArray, rng: np.random.Generator, train: bool
    ) -> dict[str, Tensor]:
        rows, mask = pad(self.sequences.rows, pieces.starts[items], pieces.lengths[items])
        prepared = self._prepare(rows, rng, train) * mask[..., None]
        batch = {
            "rows": torch.from_numpy(prepared.astype(np.float32)),
            "mask": torch.from_numpy(mask),
            "per": torch.tensor(pieces.lengths.mean(), dtype=torch.float32),
        }
        return batch | (self._beside(pieces.indices[items]) if self._beside else {})


def pad(
    rows: FloatArray, starts: IntArray, lengths: IntArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Stretches of rows (N, D) as (B, longest, D), zeros behind them, and which rows are theirs."""
    along = np.arange(lengths.max())
    mask = along < lengths[:, None]
    index = np.where(mask, starts[:, None] + along, 0)
    return rows[index] * mask[..., None], mask


class Pieces(NamedTuple):
    """Stretches of rows: where each starts, how long it is, and of which sequence it is."""

    starts: IntArray
    lengths: IntArray
    indices: IntArray


def _pieces(sequences: Sequences, indices: IntArray, window: int | None) -> Pieces:
    starts, lengths = sequences.offsets[indices], np.diff(sequences.offsets)[indices]
    if window is None:
        return Pieces(starts, lengths, indices)
    new = window - 1  # rows of a piece that the one before does not have
    count = np.maximum(-(-(lengths - 1) // new), 1)
    piece = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    left = np.repeat(lengths, count) - piece * new
    return Pieces(
        np.repeat(starts, count) + piece * new,
        np.minimum(left, window),
        np.repeat(indices, count),
    )
