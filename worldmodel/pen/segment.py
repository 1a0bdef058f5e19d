"""Which strokes of a line are of which letter, by where the window over the text was."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldmodel.pen.strokes import DOWN
from worldmodel.types import FloatArray, IntArray

LAGS = np.linspace(-0.5, 1.5, 21)  # characters by which a window may be ahead of the pen


@dataclass(frozen=True, eq=False)
class Stroke:
    """A stroke's points (n, 2), where the window was at each of its steps, in characters."""

    points: FloatArray
    place: FloatArray


def window_place(window: FloatArray) -> FloatArray:
    """Where a window (T, U) is: the mean character (T,) that it sees."""
    weight = np.maximum(window.sum(-1), 1e-9)
    place: FloatArray = (window * np.arange(window.shape[-1])).sum(-1) / weight
    return place


def strokes_of(steps: FloatArray, place: FloatArray) -> list[Stroke]:
    """The strokes of steps (T, 3), with the window's place (T,) at each step.

    A stroke begins at the point that the pen moved to while it was lifted.
    """
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:, :2], 0)]).astype(np.float32)
    lifts = np.flatnonzero(steps[:, 2] > DOWN)
    ends = [*lifts.tolist(), *([len(steps) - 1] if len(steps) - 1 not in lifts else [])]
    found, begin = [], 0
    for end in ends:
        first = begin + 1 if begin else 0
        if first <= end + 1 and end >= begin:
            found.append(Stroke(points[first : end + 2], place[begin : end + 1]))
        begin = end + 1
    return found


def assign(strokes: Sequence[Stroke], text: str, lag: float) -> IntArray:
    """The place in the text (S,) of the letter that each stroke is of.

    Letters come in order and each has a stroke, if there are as many; among such the one is taken
    of which the window, `lag` characters ahead, was nearest to the letters. A space has none.
    """
    letters = np.array([i for i, letter in enumerate(text) if letter != " "])
    cost = np.array(
        [[np.square(s.place - lag - letter).sum() for letter in letters] for s in strokes]
    )
    if len(strokes) < len(letters):
        return letters[cost.argmin(1)] if len(strokes) else np.zeros(0, np.int64)
    # best[s, l]: the strokes up to s given out to the letters up to l, s being of l.
    best = np.full(cost.shape, np.inf)
    stays = np.zeros(cost.shape, bool)
    best[0, 0] = cost[0, 0]
    for s in range(1, len(strokes)):
        before = np.concatenate([[np.inf], best[s - 1, :-1]])
        stays[s] = best[s - 1] <= before
        best[s] = cost[s] + np.minimum(best[s - 1], before)
    owner = np.empty(len(strokes), np.int64)
    at = len(letters) - 1
    for s in range(len(strokes) - 1, -1, -1):
        owner[s] = letters[at]
        at -= int(s > 0 and not stays[s, at])
    return owner


def letters_in(
    steps: FloatArray, place: FloatArray, text: str, lag: float
) -> dict[int, list[FloatArray]]:
    """The strokes (points, 2) of each letter of a text, by its place."""
    found: dict[int, list[FloatArray]] = {}
    strokes = strokes_of(steps, place)
    for stroke, owner in zip(strokes, assign(strokes, text, lag).tolist(), strict=True):
        found.setdefault(owner, []).append(stroke.points)
    return found


@dataclass(frozen=True, eq=False)
class KnownLine:
    """A line whose letters are known: steps (T, 3), window places (T,), text, owner of strokes."""

    steps: FloatArray
    place: FloatArray
    text: str
    owner: IntArray


def find_lag(lines: Sequence[KnownLine]) -> float:
    """By how many characters the window is ahead of the pen: with it most strokes are assigned as
    they are known to be.
    """
    right = np.array([sum(_right(line, lag) for line in lines) for lag in LAGS])
    return float(LAGS[right == right.max()].mean())


def _right(line: KnownLine, lag: float) -> int:
    return int((assign(strokes_of(line.steps, line.place), line.text, lag) == line.owner).sum())
