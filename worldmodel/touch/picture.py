"""Performances as pixels: a touch is a dot, a swipe a line."""

from collections.abc import Sequence

import cv2
import numpy as np

from worldmodel.touch.network import SWIPE
from worldmodel.types import FloatArray, Frames

SIZE, MARGIN = 180, 8
COLUMNS = 4
CALL, RESPONSE = (40, 90, 200), (210, 50, 40)


def picture(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> Frames:
    """A grid of performances (T, 3), calls in blue and responses in red: (H, W, 3)."""
    rows = -(-len(pairs) // COLUMNS)
    whole = np.full((rows * SIZE, min(COLUMNS, len(pairs)) * SIZE, 3), 255, np.uint8)
    for i, (call, response) in enumerate(pairs):
        corner = np.array([(i % COLUMNS) * SIZE, (i // COLUMNS) * SIZE])
        low, high = corner + MARGIN // 2, corner + SIZE - MARGIN // 2
        cv2.rectangle(whole, low.tolist(), high.tolist(), (220, 220, 220))
        for touches, color in ((call, CALL), (response, RESPONSE)):
            for swipe in swipes(touches):
                points = corner + MARGIN + swipe[:, :2] * (SIZE - 2 * MARGIN)
                fixed = np.rint(points * 16).astype(np.int32)
                if len(points) == 1:
                    cv2.circle(whole, fixed[0].tolist(), 24, color, cv2.FILLED, cv2.LINE_AA, 4)
                else:
                    cv2.polylines(whole, [fixed], False, color, 2, cv2.LINE_AA, 4)
    return whole


def swipes(touches: FloatArray) -> list[FloatArray]:
    """Touches (T, 3) in parts: one that comes a tenth of a second later begins another."""
    if not len(touches):
        return []
    begins = np.flatnonzero(touches[1:, 2] > SWIPE) + 1
    return list(np.split(touches, begins))
