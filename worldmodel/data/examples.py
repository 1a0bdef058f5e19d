"""Some sequences that a system was tested on, kept beside its model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldmodel.data.download import read_arrays
from worldmodel.data.sequences import Sequences
from worldmodel.run.checkpoint import atomic
from worldmodel.types import FloatArray, UserError

NAME = "examples.npz"
COLUMNS = 3  # of a step, and of a touch


def save_examples(
    folder: Path, sequences: Sequences, count: int, texts: NDArray[np.str_] | None = None
) -> None:
    """Keep the first sequences of the test split, as they are, and their texts; none if 0."""
    if not count:
        return
    which = sequences.of("test")[:count]
    items = [sequences[i] for i in which]
    arrays: dict[str, NDArray[Any]] = {
        "rows": np.concatenate(items),
        "lengths": np.array([len(item) for item in items]),
    }
    if texts is not None:
        arrays["texts"] = texts[which]
    with atomic(folder / NAME) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Examples:
    """Sequences (n, D), and their texts where they have some."""

    items: list[FloatArray]
    texts: list[str]


def load_examples(folder: Path) -> Examples:
    """The sequences that were kept in a model's folder.

    Raises:
        UserError: if there are none.
    """
    path = folder / NAME
    if not path.exists():
        raise UserError(f"{folder} has no examples: give a drawing or performance of your own.")
    arrays = read_arrays(path)
    rows, lengths, texts = (arrays.get(name) for name in ("rows", "lengths", "texts"))
    if not (_numbers(rows, 2, "fiu") and _numbers(lengths, 1, "iu")):
        raise UserError(f"{path} holds no examples: train the model again.")
    assert rows is not None
    assert lengths is not None
    counts = lengths.astype(np.int64)
    fits = rows.shape[1] == COLUMNS and len(counts) and counts.min() > 0
    if not fits or counts.sum() != len(rows) or (texts is not None and len(texts) != len(counts)):
        raise UserError(f"{path} holds no examples: train the model again.")
    items = list(np.split(rows.astype(np.float32), np.cumsum(counts)[:-1]))
    return Examples(items, [str(text) for text in texts] if texts is not None else [])


def _numbers(array: NDArray[Any] | None, axes: int, kinds: str) -> bool:
    """Whether this is an array of finite numbers."""
    return (
        array is not None
        and array.ndim == axes
        and array.dtype.kind in kinds
        and bool(np.isfinite(array).all())
    )
