"""Convex polygons painted at several samples a pixel of CarRacing's frame, and their averages.

Polygons are given by pixels of gymnasium's window, as pygame takes them.
"""

import math

import numpy as np
from gymnasium.envs.box2d import car_racing as original
from numpy.typing import NDArray

from worldmodel.envs.compiled import compiled
from worldmodel.types import Frames

Points = NDArray[np.float64]  # (..., 2)
Bytes = NDArray[np.uint8]

_FINE_X, _FINE_Y = 8, 4  # samples per pixel of the frame; `average` reads eight as one word
ROWS, COLUMNS = original.STATE_H * _FINE_Y, original.STATE_W * _FINE_X  # of samples
_SAMPLES = _FINE_X * _FINE_Y
_SCALE_X = COLUMNS / original.WINDOW_W  # samples per pixel of the window
_SCALE_Y = ROWS / original.WINDOW_H

_LOST = 2  # pygame rounds down twice where it shrinks: even one colour gets darker, but for black
_ALL_BYTES = np.uint64(0x0101010101010101)


@compiled
def fill(canvas: Bytes, corners: Points, color: np.uint8, grows: float) -> None:
    """Fill a convex polygon, given by pixels of the window, that reaches `grows` pixels farther."""
    least_x = least_y = np.inf
    most_x = most_y = -np.inf
    for x, y in corners:
        least_x, most_x = min(least_x, x), max(most_x, x)
        least_y, most_y = min(least_y, y), max(most_y, y)
    # A sample is painted where its centre is in the polygon.
    least_x = max((least_x - grows + 0.5) * _SCALE_X - 0.5, 0.0)
    most_x = min((most_x + grows + 0.5) * _SCALE_X - 0.5, float(canvas.shape[1]))
    first = math.ceil(max((least_y - grows + 0.5) * _SCALE_Y - 0.5, 0.0))
    end = math.ceil(min((most_y + grows + 0.5) * _SCALE_Y - 0.5, float(canvas.shape[0])))
    if least_x >= most_x or first >= end:
        return
    lines, lefts, rights = _edges(corners, grows)
    for row in range(first, end):
        left, right = least_x, most_x
        for k in range(lefts):
            left = max(left, lines[0, k, 0] + lines[0, k, 1] * row)
        for k in range(rights):
            right = min(right, lines[1, k, 0] + lines[1, k, 1] * row)
        if left < right:
            canvas[row, math.ceil(left) : math.ceil(right)] = color


@compiled
def _edges(corners: Points, grows: float) -> tuple[NDArray[np.float64], int, int]:
    """A convex polygon's left edges and its right ones, pushed outwards.

    Returns:
        For either side (2, N, 2), x in the first row of samples, and what it gains per row; how
        many edges are left ones, and how many right ones.
    """
    lines = np.empty((2, len(corners), 2))
    lefts = rights = 0
    area = 0.0
    for i in range(len(corners)):
        x, y = corners[i - 1]
        area += x * corners[i, 1] - corners[i, 0] * y
    for i in range(len(corners)):
        x, y = corners[i - 1]
        down = corners[i, 1] - y
        if down == 0:
            continue  # the caller keeps to the highest and lowest corners
        slope = (corners[i, 0] - x) / down
        gain = slope * _SCALE_X / _SCALE_Y
        start = (x + 0.5) * _SCALE_X - 0.5 - gain * ((y + 0.5) * _SCALE_Y - 0.5)
        push = grows * max(1.0, abs(slope)) * _SCALE_X  # up or down where the edge is flat
        if (down > 0) == (area >= 0):
            lines[1, rights, 0], lines[1, rights, 1] = start + push, gain
            rights += 1
        else:
            lines[0, lefts, 0], lines[0, lefts, 1] = start - push, gain
            lefts += 1
    return lines, lefts, rights


@compiled
def average(canvas: Bytes, palette: Bytes, frame: Frames) -> None:
    """Average the samples of each pixel of the frame."""
    packed = np.empty(len(palette), np.uint64)  # three colours, 16 bits of room for each one's sum
    darker = np.empty(palette.shape, np.uint8)
    for i in range(len(palette)):
        packed[i] = palette[i, 0] + (palette[i, 1] << 16) + (palette[i, 2] << 32)
        for k in range(3):
            darker[i, k] = max(palette[i, k] - _LOST, 0)
    words = canvas.view(np.uint64)
    for row in range(len(frame)):
        rows = slice(row * _FINE_Y, (row + 1) * _FINE_Y)
        for column in range(frame.shape[1]):
            color = canvas[rows.start, column * _FINE_X]
            same, other = np.uint64(color) * _ALL_BYTES, np.uint64(0)
            for y in range(rows.start, rows.stop):
                other |= np.uint64(words[y, column] ^ same)
            if other == 0:
                for k in range(3):
                    frame[row, column, k] = darker[color, k]
                continue
            total = np.uint64(0)
            for y in range(rows.start, rows.stop):
                for x in range(column * _FINE_X, (column + 1) * _FINE_X):
                    total += packed[canvas[y, x]]
            for k in range(3):
                part = np.int64((total >> np.uint64(16 * k)) & np.uint64(0xFFFF))
                mean = (part + _SAMPLES - 1) // _SAMPLES  # rounded up
                frame[row, column, k] = max(mean - _LOST, np.int64(0))
