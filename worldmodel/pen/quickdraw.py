"""QuickDraw (Jongejan et al. 2016), from files that a user has: npz or ndjson."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldmodel.data.object_arrays import read_object_arrays
from worldmodel.data.sequences import SPLITS, Sequences, concat
from worldmodel.pen.strokes import END, simplify, to_steps
from worldmodel.types import FloatArray, UserError

TOLERANCE = 2.0  # of simplification, in pixels, as the published files have it
HELD_OUT = 2500  # drawings each to validate and test of an ndjson file, or a tenth of a small one
LONGEST = 250  # steps; a longer drawing is left out, as in Ha & Eck 2017


@dataclass(frozen=True)
class QuickDraw:
    """Drawings of one category: a file of sketch_rnn (npz), or simplified drawings (ndjson).

    An npz file has its own split; an ndjson file, a drawing a line, is split by its lines' order
    at random. `quantum` is the width of the noise that hides the pixels.
    """

    path: str
    quantum: float

    def load(self) -> Sequences:
        """The drawings as steps.

        Raises:
            UserError: if the file is missing, damaged, or of another kind.
        """
        path = Path(self.path)
        if path.suffix == ".npz":
            return _read_npz(path)
        if path.suffix == ".ndjson":
            return _read_ndjson(path)
        raise UserError(f"{path} is neither .npz nor .ndjson: QuickDraw comes as these.")


def _read_npz(path: Path) -> Sequences:
    found = read_object_arrays(path, tuple(SPLITS), 3)
    items, split = [], []
    for name, number in SPLITS.items():
        for item in found[name]:
            if 0 < len(item) <= LONGEST:
                steps = item.astype(np.float32)
                steps[-1, 2] = END
                items.append(steps)
                split.append(number)
    return concat(items, split)


def _read_ndjson(path: Path) -> Sequences:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    items = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                steps = to_steps(_strokes(line, path, number))
                if len(steps) <= LONGEST:
                    items.append(steps)
    held = max(1, min(HELD_OUT, len(items) // 10))
    order = np.random.default_rng(0).permutation(len(items))
    split = np.zeros(len(items), np.uint8)
    split[order[:held]], split[order[held : 2 * held]] = SPLITS["test"], SPLITS["valid"]
    return concat(items, split)


def _strokes(line: str, path: Path, number: int) -> list[FloatArray]:
    """The strokes (points, 2) of {"drawing": [[[x …], [y …], perhaps [t …]], …]}."""
    try:
        drawing = json.loads(line)["drawing"]
        strokes = [np.array(stroke[:2], np.float32).T for stroke in drawing]
        if not strokes or not all(stroke.size for stroke in strokes):
            raise ValueError("it draws nothing")
        if any(stroke.ndim != 2 or stroke.shape[1] != 2 for stroke in strokes):
            raise ValueError("a stroke has no x and y")
        if not all(np.isfinite(stroke).all() for stroke in strokes):
            raise ValueError("a number is not finite")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise UserError(
            f"{path}, line {number} is no drawing of QuickDraw ({error}): fetch the file again, "
            "or delete the line."
        ) from error
    return [simplify(stroke, TOLERANCE) for stroke in strokes]
