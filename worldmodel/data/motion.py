"""Which pixels of an episode's frames move from step to step, in a bit each."""

import numpy as np
from numpy.typing import NDArray

from worldmodel.types import BoolArray, Frames

Bits = NDArray[np.uint8]


def find_motion(frames: Frames, threshold: float) -> Bits:
    """Pixels that change by more than `threshold`, of 1 and in any colour, from or to a neighbour.

    An object that moves has changed the pixels where it is and those where it was.

    Args:
        frames: uint8 (N, H, W, C), one after the other; the first and the last have one neighbour.
        threshold: see above.

    Returns:
        Packed bits (N, H·W/8), see `unpack`; none are set if there is one frame only.
    """
    moves = np.zeros(frames.shape[:3], bool)
    step = np.abs(frames[1:].astype(np.int16) - frames[:-1]).max(-1) > 255 * threshold
    moves[1:] = step
    moves[:-1] |= step
    return np.packbits(moves.reshape(len(frames), -1), axis=1)


def unpack(bits: Bits, height: int, width: int) -> BoolArray:
    """The pixels (N, H, W) of packed bits."""
    whole = np.unpackbits(bits, axis=1, count=height * width)
    return whole.reshape(len(bits), height, width).view(bool)
