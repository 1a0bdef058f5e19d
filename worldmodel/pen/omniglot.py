"""Omniglot (Lake, Salakhutdinov & Tenenbaum 2015): characters of 50 alphabets, drawn online."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from worldmodel.data.download import Arrays, Source, fetch, prepared
from worldmodel.data.object_arrays import read_object_arrays
from worldmodel.data.sequences import SPLITS, Sequences, concat
from worldmodel.pen.strokes import END
from worldmodel.types import UserError

LICENCE = "MIT"
ATTRIBUTION = (
    "Omniglot, Copyright (c) 2015 Brenden Lake; Lake, Salakhutdinov & Tenenbaum (2015), "
    "Human-level concept learning through probabilistic program induction, Science 350(6266)"
)
SIMPLIFIED = Source(
    "https://github.com/hardmaru/sketch-rnn-datasets/raw/"
    "7c854dee76090aa18c321c7af2cede815bbd475e/omniglot/omniglot.npz",
    "bd5277621a8c577919491dfa729a59a8b5c216cff9e4fda9cef532db29f120c7",
    LICENCE,
    f"{ATTRIBUTION}; simplified by David Ha (hardmaru/sketch-rnn-datasets)",
)
_ZIPS = (
    "https://github.com/brendenlake/omniglot/raw/057f034baf2ecb8530bc5710e5a23584d2a519cc/python"
)
TIMED = (
    Source(
        f"{_ZIPS}/strokes_background_small1.zip",
        "8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2",
        LICENCE,
        ATTRIBUTION,
    ),
    Source(
        f"{_ZIPS}/strokes_background_small2.zip",
        "345bf2141efbea062833dbb2828abbc23d9e07825e46f2afdd4daecddfed6e78",
        LICENCE,
        ATTRIBUTION,
    ),
)
STEPS = ("steps", "offsets", ("split",))  # of a prepared set of drawings
MEMBER = re.compile(r"[^/]+/([^/]+)/character(\d+)/(\d+)_(\d+)\.txt")
DRAWER_SPLIT = {**dict.fromkeys(range(1, 15), 0), 15: 1, 16: 1,
                **dict.fromkeys(range(17, 21), 2)}  # fmt: skip


@dataclass(frozen=True)
class Omniglot:
    """32,000 simplified drawings as steps, in the split that they were published with.

    Whole numbers, on lattices of which that of multiples of 6 is the most common; a character is
    some 600 wide. `quantum` is the width of the noise that hides the lattice.
    """

    quantum: float

    def load(self) -> Sequences:
        """The drawings; fetched at the first use. Held-out copies of others are left out.

        Raises:
            UserError: if they can't be fetched.
        """
        return from_arrays(prepared("omniglot_stroke3", _simplified, *STEPS))


def from_arrays(arrays: Arrays) -> Sequences:
    """Sequences of prepared arrays: `steps`, `offsets`, `split`, and perhaps `unit` and labels."""
    steps = arrays["steps"].astype(np.float32)
    offsets = arrays["offsets"].astype(np.int64)
    split = arrays["split"].astype(np.uint8)
    if "unit" in arrays:
        steps[:, :2] *= float(arrays["unit"])
    steps[offsets[1:] - 1, 2] = END
    many = len(split)
    labels = {key: value for key, value in arrays.items()
              if value.shape == (many,) and key not in ("split", "copy_of")}  # fmt: skip
    whole = Sequences(steps, offsets, split, labels)
    if "copy_of" not in arrays:
        return whole
    first = arrays["copy_of"].astype(np.int64) < 0
    return whole.kept((split == SPLITS["train"]) | first)


def as_arrays(sequences: Sequences) -> Arrays:
    """What `from_arrays` reads, with the first of identical sequences."""
    seen: dict[bytes, int] = {}
    steps = sequences.rows.copy()
    steps[sequences.offsets[1:] - 1, 2] = 1
    copies = []
    for i in range(len(sequences)):
        first = seen.setdefault(sequences[i].tobytes(), i)
        copies.append(first if first != i else -1)
    return {
        "steps": steps,
        "offsets": sequences.offsets.astype(np.int32),
        "split": sequences.split,
        "copy_of": np.array(copies, np.int32),
        **sequences.labels,
    }


def _simplified() -> Arrays:
    splits = read_object_arrays(fetch(SIMPLIFIED), tuple(SPLITS), 3)
    # Every drawing of this file begins with a step that is all zero.
    items = [item[1:] for name in SPLITS for item in splits[name]]
    split = np.repeat(list(SPLITS.values()), [len(splits[name]) for name in SPLITS])
    arrays = as_arrays(concat(items, split))
    return arrays | {"steps": arrays["steps"].astype(np.int16)}


def timed() -> Arrays:
    """4,840 drawings of 8 alphabets, Latin among them, with time, character and drawer.

    `xy` (points, 2) with y upwards, in pixels of a picture of 105 × 105, and `t_ms` (points,) since
    the drawing's first point; stroke s is xy[stroke_offsets[s]:stroke_offsets[s + 1]], and drawing
    d the strokes from drawing_offsets[d] on. `alphabet` (drawings,) counts `alphabet_names`;
    `character` counts from 1, in Latin from a; `split` is by `drawer`, 1 to 20 in each alphabet:
    14 to train, 2 valid, 4 test.
    """
    others = ("drawing_offsets", "alphabet_names", "alphabet", "character", "drawer", "split")
    return prepared("omniglot_timed", _timed, "xy", "stroke_offsets", others)


def _timed() -> Arrays:
    xy, t, stroke_ends, drawing_ends, labels = [], [], [0], [0], []
    seen: dict[tuple[str, int, int], None] = {}
    for source in TIMED:
        for alphabet, character, number, drawer, text in _members(source):
            if (alphabet, character, drawer) in seen:  # Latin and Greek are in both files
                continue
            seen[alphabet, character, drawer] = None
            for stroke in _parse(text):
                xy.append(stroke[:, :2])
                t.append(stroke[:, 2])
                stroke_ends.append(stroke_ends[-1] + len(stroke))
            drawing_ends.append(len(stroke_ends) - 1)
            labels.append((alphabet, character, number, drawer))
    alphabets, characters, numbers, drawers = zip(*labels, strict=True)
    names = sorted(set(alphabets))
    return {
        "xy": np.concatenate(xy).astype(np.float32),
        "t_ms": np.concatenate(t).astype(np.int32),
        "stroke_offsets": np.array(stroke_ends, np.int32),
        "drawing_offsets": np.array(drawing_ends, np.int32),
        "alphabet_names": np.array(names),
        "alphabet": np.array([names.index(name) for name in alphabets], np.uint8),
        "character": np.array(characters, np.uint8),
        "source_id": np.array(numbers, np.int16),
        "drawer": np.array(drawers, np.uint8),
        "split": np.array([DRAWER_SPLIT[drawer] for drawer in drawers], np.uint8),
    }


def _members(source: Source) -> Iterator[tuple[str, int, int, int, str]]:
    """(alphabet, character, number, drawer, text) of every drawing in a file."""
    path = fetch(source)
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                found = MEMBER.fullmatch(name)
                if found and not name.startswith("__MACOSX"):
                    alphabet, *numbers = found.groups()
                    character, number, drawer = map(int, numbers)
                    yield alphabet, character, number, drawer, archive.read(name).decode()
    except zipfile.BadZipFile as error:
        raise UserError(f"{path} is damaged: delete it and run the same command again.") from error


def _parse(text: str) -> list[np.ndarray]:
    """Strokes (points, 3) of x, y and milliseconds since the drawing's first point."""
    strokes = [
        np.array([[float(part) for part in line.split(",")] for line in block.split()])
        for block in text.replace("START", "").split("BREAK")
        if block.strip()
    ]
    first = strokes[0][0, 2]
    return [stroke - (0, 0, first) for stroke in strokes]
