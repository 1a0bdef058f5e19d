"""Episodes that were recorded elsewhere, as their files hold them; nothing is unpickled.

`open_recordings` takes an npz file, a folder of npz files, a folder of films with a file of actions
beside each, or a Minari dataset.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worldmodel.types import BoolArray, FloatArray, UserError

# What arrays and columns may be called; the first name is the one that messages use.
NAMES = {
    "obs": ("obs", "observation", "observations", "frames"),
    "action": ("action", "actions"),
    "reward": ("reward", "rewards"),
    "terminated": ("terminated", "terminal", "terminals", "termination", "terminations"),
    "truncated": ("truncated", "truncation", "truncations", "timeout", "timeouts"),
    "done": ("done", "dones"),
    "lengths": ("lengths", "length"),
}
FILMS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")


@dataclass(frozen=True)
class Recorded:
    """One episode of T steps.

    Attributes:
        where: its file, and which one it is, for messages.
        frames: T + 1 pictures as they were stored, or T where the last one was not.
        action: (T, ...) of any numbers.
        reward: (T,).
        terminated: (T,).
        truncated: (T,).
    """

    where: str
    frames: Iterable[NDArray[Any]]
    action: NDArray[Any]
    reward: FloatArray
    terminated: BoolArray
    truncated: BoolArray


@dataclass(frozen=True)
class Declared:
    """The actions that a data set says its environment takes, as in `EnvSpec`."""

    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    n: int | None


class Recordings(Protocol):
    """Episodes in a fixed order.

    Attributes:
        sizes: bytes of every file, by name: what tells one set of recordings from another.
        declared: the actions, where the files tell them.
    """

    sizes: dict[str, int]
    declared: Declared | None

    def __len__(self) -> int:
        """How many episodes there are."""
        ...

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        ...

    def actions(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Where they are, and actions (N, ...), of all episodes."""
        ...

    def episodes(self, start: int) -> Iterator[Recorded]:
        """The episodes from number `start` on; frames have to be read in this order."""
        ...


def open_recordings(source: str, key: str | None = None) -> Recordings:
    """Find out what `source` is, and open it.

    Args:
        source: a file, a folder, or the id of a local Minari dataset.
        key: entry of Dict observations that is the picture; None: the only one that can be.

    Raises:
        UserError: naming the file and the array where it holds no episodes.
    """
    # Here, as they import this module.
    from worldmodel.data.recorded_films import FilmRecordings
    from worldmodel.data.recorded_minari import MinariRecordings
    from worldmodel.data.recorded_npz import NpzRecordings

    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        return NpzRecordings([path])
    if (path / "data" / "main_data.hdf5").is_file():
        return MinariRecordings(path, key)
    if path.is_dir():
        names = sorted(path.iterdir(), key=in_order)
        films = [file for file in names if file.suffix.lower() in FILMS]
        if films:
            return FilmRecordings(films)
        if found := [file for file in names if file.suffix == ".npz"]:
            return NpzRecordings(found)
        raise UserError(
            f"import.source={source} is a folder without recordings: it needs .npz files, films "
            f"({', '.join(FILMS)}) with actions beside them, or a Minari dataset."
        )
    if not path.exists() and re.fullmatch(r"(minari:)?([\w-]+/)*[\w-]+-v\d+", source):
        return MinariRecordings(source.removeprefix("minari:"), key)
    what = "is no .npz file" if path.exists() else "does not exist"
    raise UserError(
        f"import.source={source} {what}: name an .npz file, a folder of them or of films, or a "
        "Minari dataset."
    )


def in_order(path: Path) -> list[tuple[int, str]]:
    """A key by which 2.mp4 comes before 10.mp4."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def sizes(files: Sequence[Path]) -> dict[str, int]:
    """Bytes of every file, by name."""
    return {file.name: file.stat().st_size for file in files}


def rename(given: Iterable[str], where: str) -> dict[str, str]:
    """The name of `NAMES` -> what the file calls it, for those that are there.

    Raises:
        UserError: where two names mean the same.
    """
    found: dict[str, str] = {}
    for name in given:
        for meaning, names in NAMES.items():
            if name in names:
                if meaning in found:
                    raise UserError(
                        f"{where} has both {found[meaning]} and {name}: leave one of them out."
                    )
                found[meaning] = name
    return found


def as_recorded(
    where: str,
    frames: Iterable[NDArray[Any]],
    columns: dict[str, NDArray[Any]],
) -> Recorded:
    """An episode of the columns `action` and, where they are given, the others of `NAMES`.

    Without `reward` it is 0. An episode whose last step neither terminated nor was truncated was
    cut there: it counts as truncated.
    """
    action = columns["action"]
    steps = len(action)
    if not steps:
        raise UserError(f"{where} has no steps: leave it out.")
    flags = {}
    for name in ("terminated", "truncated"):
        flags[name] = np.asarray(columns.get(name, np.zeros(steps, bool))).astype(bool)
    if "done" in columns and "terminated" not in columns:
        flags["terminated"] = columns["done"].astype(bool) & ~flags["truncated"]
    ends = flags["terminated"] | flags["truncated"]
    if ends[:-1].any():
        raise UserError(
            f"{where} ends in step {int(ends.argmax())} and goes on to step {steps - 1}: split it "
            "there."
        )
    flags["truncated"] = flags["truncated"].copy()
    flags["truncated"][-1] |= not ends[-1]
    reward = np.asarray(columns.get("reward", np.zeros(steps)), np.float32)
    if not np.isfinite(reward).all():
        raise UserError(f"{where}: reward holds a number that is not finite: mend it.")
    return Recorded(where, frames, action, reward, flags["terminated"], flags["truncated"])


def check_columns(where: str, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same columns, with (N,) in place of (N, 1) but for actions, after a look at each.

    Raises:
        UserError: naming the one that is missing, too long, too short, or no numbers.
    """
    if "action" not in columns:
        raise UserError(f"{where} has no action: it needs one for every step.")
    steps, checked = len(columns["action"]), {}
    for name, values in columns.items():
        if values.dtype.kind not in "buif":
            raise UserError(f"{where}: {name} holds {values.dtype}, not numbers.")
        if name != "action" and values.shape == (steps, 1):
            values = values[:, 0]
        wrong = len(values) != steps if name == "action" else values.shape != (steps,)
        if wrong:
            raise UserError(
                f"{where}: {name} has the shape {values.shape}, but there are {steps} actions: it "
                "needs one number for each."
            )
        checked[name] = values
    return checked
