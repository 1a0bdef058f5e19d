"""A scatter plot as a picture, for TensorBoard."""

import numpy as np

from worldmodel.types import FloatArray, Frames

SIZE, MARGIN, DOT = 256, 16, 2


def scatter(pairs: FloatArray) -> Frames:
    """Picture (256, 256, 3) of points (P, 2): the first number to the right, the second upwards.

    Both axes run from the least to the greatest value; the dashed line is the least-squares fit.
    """
    low, span = pairs.min(0), np.ptp(pairs, 0)
    at = (pairs - low) / np.where(span > 0, span, 1)
    picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
    frame = slice(MARGIN, SIZE - MARGIN)
    picture[[MARGIN, SIZE - MARGIN], frame] = picture[frame, [MARGIN, SIZE - MARGIN]] = 180
    if len(pairs) > 1 and (span > 0).all():
        slope, height = np.polyfit(at[:, 0], at[:, 1], 1)
        x = np.linspace(0, 1, 60)[np.arange(60) % 4 < 2]
        y = slope * x + height
        inside = (y >= 0) & (y <= 1)
        _dots(picture, np.stack([x, y], 1)[inside], 0, (160, 160, 160))
    _dots(picture, at, DOT, (31, 119, 180))
    return picture


def _dots(picture: Frames, at: FloatArray, radius: int, colour: tuple[int, int, int]) -> None:
    inner = SIZE - 2 * MARGIN
    for x, y in np.rint(MARGIN + at * inner).astype(int):
        row = SIZE - y
        picture[row - radius : row + radius + 1, x - radius : x + radius + 1] = colour
