"""Recordings in films, each with a file of actions of the same name beside it.

Beside run3.mp4 lies run3.npz with action and, where known, reward, terminated and truncated; or
run3.npy with the actions alone; or run3.csv with columns of those names, where action may be
several: action_0, action_1, and so on. A film of T actions has T + 1 frames, or T without the one
where the episode ends.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worldmodel.data.recordings import (
    Declared,
    Recorded,
    as_recorded,
    check_columns,
    rename,
    sizes,
)
from worldmodel.types import UserError

_ACTIONS = (".npz", ".npy", ".csv")


class FilmRecordings:
    """One episode for each film."""

    declared: Declared | None = None

    def __init__(self, films: Sequence[Path]) -> None:
        self._films = list(films)
        self._beside = [_beside(film) for film in films]
        self._columns = [_read(path) for path in self._beside]
        self.sizes = sizes([*films, *self._beside])

    def __len__(self) -> int:
        """How many films there are."""
        return len(self._films)

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        return max(len(columns["action"]) for columns in self._columns)

    def actions(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Path and actions (T, ...) of every film."""
        for path, columns in zip(self._beside, self._columns, strict=True):
            yield str(path), columns["action"]

    def episodes(self, start: int) -> Iterator[Recorded]:
        """The episodes from number `start` on."""
        for film, columns in list(zip(self._films, self._columns, strict=True))[start:]:
            yield as_recorded(str(film), _frames(film), columns)


def _beside(film: Path) -> Path:
    found = [film.with_suffix(ending) for ending in _ACTIONS if film.with_suffix(ending).is_file()]
    if len(found) != 1:
        names = " and ".join(path.name for path in found) or "none"
        raise UserError(
            f"{film} needs one file of actions beside it, {film.stem}.npz, .npy or .csv; there is "
            f"{names}."
        )
    return found[0]


def _frames(film: Path) -> Iterator[NDArray[np.uint8]]:
    reader = cv2.VideoCapture(str(film))
    try:
        if not reader.isOpened():
            raise UserError(f"{film} is no film that OpenCV can read.")
        while True:
            more, frame = reader.read()
            if not more:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        reader.release()


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix == ".csv":
        return check_columns(str(path), _read_csv(path))
    try:
        loaded = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return check_columns(str(path), {"action": np.atleast_1d(loaded)})
        with loaded:
            names = rename(loaded.files, str(path))
            return check_columns(
                str(path),
                {name: np.atleast_1d(loaded[given]) for name, given in names.items()
                 if name not in ("obs", "lengths")},
            )  # fmt: skip
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"{path} can't be read ({error}): it has to hold plain arrays of numbers."
        ) from error


def _read_csv(path: Path) -> dict[str, NDArray[Any]]:
    with path.open(newline="") as lines:
        rows = [row for row in csv.reader(lines) if row]
    head = [name.strip() for name in rows[0]] if rows else []
    parts = [place for place, name in enumerate(head) if name.startswith("action_")]
    names = rename((name for name in head if not name.startswith("action_")), str(path))
    columns = {name: _numbers(path, rows, [head.index(given)])[:, 0]
               for name, given in names.items() if name not in ("obs", "lengths")}  # fmt: skip
    if parts:
        columns["action"] = _numbers(path, rows, parts)
    if "action" not in columns:
        raise UserError(
            f"{path} has no column action: its first line has to name the columns, action or "
            "action_0, action_1, …, and where known reward, terminated, truncated."
        )
    return columns


def _numbers(path: Path, rows: Sequence[Sequence[str]], places: Sequence[int]) -> NDArray[Any]:
    """Columns (N, k): whole numbers where all of them are written as such."""
    values = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            texts = [row[place].strip().lower() for place in places]
            values.append([float({"true": "1", "false": "0"}.get(text, text)) for text in texts])
        except (ValueError, IndexError) as error:
            raise UserError(
                f"{path}, line {line}: {','.join(row)!r} has no number for "
                f"{', '.join(rows[0][place] for place in places)}."
            ) from error
    whole = all(row[place].strip().lstrip("+-").isdigit() for row in rows[1:] for place in places)
    return np.array(values, np.int64 if whole else np.float64).reshape(-1, len(places))
