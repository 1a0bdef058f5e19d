"""Drawings as pixels."""

from collections.abc import Sequence

import cv2
import numpy as np

from worldmodel.pen.svg import Cell, fit_into
from worldmodel.types import FloatArray, Frames

FINER = 4  # bits of a pixel that positions are given in


def picture(cells: Sequence[Cell], columns: int, size: int = 90, aspect: float = 1.0) -> Frames:
    """The sheet (H, W, 3) that `svg.sheet` writes, without words."""
    rows = -(-len(cells) // columns)
    width = round(size * aspect)
    whole = np.full((rows * size, columns * width, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        if not cell.strokes:
            continue
        corner = np.array([(i % columns) * width, (i // columns) * size])
        placed = fit_into(cell.strokes, width, size)
        for stroke, color in zip(placed, cell.colors, strict=True):
            rgb = tuple(int(color[k : k + 2], 16) for k in (1, 3, 5))
            draw_stroke(whole, stroke + corner, rgb, max(1, round(0.022 * size)))
    return whole


def draw_stroke(
    whole: Frames, points: FloatArray, color: int | tuple[int, ...], thickness: int
) -> None:
    """A line through points (n, 2) in pixels, onto a picture; a dot where there is one point."""
    fixed = np.rint(points * 2**FINER).astype(np.int32)
    if len(points) == 1:
        radius = (thickness * 2**FINER) // 2 + 2**FINER // 4
        cv2.circle(whole, fixed[0].tolist(), radius, color, cv2.FILLED, cv2.LINE_AA, FINER)
    else:
        cv2.polylines(whole, [fixed], False, color, thickness, cv2.LINE_AA, FINER)
