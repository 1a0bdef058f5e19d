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
    arrays = read_arrays(folder / NAME)
    if "rows" not in arrays or "lengths" not in arrays:
        raise UserError(f"{folder / NAME} holds no examples: train the model again.")
    ends = np.cumsum(arrays["lengths"])[:-1]
    items = list(np.split(arrays["rows"].astype(np.float32), ends))
    return Examples(items, [str(text) for text in arrays.get("texts", ())])
