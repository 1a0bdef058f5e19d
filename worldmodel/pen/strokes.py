"""Drawings: as strokes of points, and as the steps of a pen."""

from collections.abc import Sequence

import numpy as np

from worldmodel.types import FloatArray

# What the pen does after a step's point.
DOWN, LIFT, END = 0, 1, 2


def to_steps(strokes: Sequence[FloatArray]) -> FloatArray:
    """Steps (n, 3) of dx, dy and pen state of a drawing of strokes (points, 2).

    The drawing begins at its first point, which is no step (Ha & Eck 2017, section 3.1): the first
    step goes to the second. A drawing of one point is a step that goes nowhere.

    Raises:
        ValueError: for a drawing without points.
    """
    kept = [np.asarray(stroke, np.float32).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not kept:
        raise ValueError("a drawing needs at least one point")
    points = np.concatenate(kept)
    pen = np.full(len(points), DOWN, np.float32)
    pen[np.cumsum([len(stroke) for stroke in kept]) - 1] = LIFT
    pen[-1] = END
    if len(points) == 1:
        return np.array([[0, 0, END]], np.float32)
    # Where the first stroke is one point the pen is lifted before the first step: said by a step.
    moves = np.diff(points, axis=0)
    first = np.array([[0, 0, LIFT]], np.float32) if len(kept[0]) == 1 else np.empty((0, 3))
    steps = np.concatenate([first, np.column_stack([moves, pen[1:]])])
    return steps.astype(np.float32)


def to_strokes(steps: FloatArray, down: bool = True) -> list[FloatArray]:
    """The strokes (points, 2) that steps (n, 3) draw, from (0, 0) on, up to the first END.

    `down` says whether the pen is on the paper before the first step.
    """
    strokes: list[FloatArray] = []
    place = np.zeros(2, np.float64)
    line = [place.copy()] if down else []
    for dx, dy, pen in np.asarray(steps, np.float64):
        place = place + np.array([dx, dy])
        if not line:
            line = [place.copy()]
        elif (dx, dy) != (0, 0) or pen == DOWN:
            line.append(place.copy())
        if pen != DOWN:
            strokes.append(np.array(line, np.float32))
            line = []
        if pen == END:
            break
    if line:
        strokes.append(np.array(line, np.float32))
    return strokes


def simplify(points: FloatArray, tolerance: float) -> FloatArray:
    """The points (n, 2) without those that lie within `tolerance` of the line between the others.

    Ramer 1972, Douglas & Peucker 1973; both ends stay.
    """
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distance(points[first + 1 : last], points[first], points[last])
        farthest = int(away.argmax())
        if away[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return points[keep]


def _distance(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """How far points (n, 2) are from the line from `start` to `end`."""
    along = (end - start).astype(np.float64)
    length = float(np.hypot(*along))
    away = (points - start).astype(np.float64)
    if length == 0:
        return np.hypot(*away.T)
    across: FloatArray = np.abs(along[0] * away[:, 1] - along[1] * away[:, 0]) / length
    return across
