"""Tiny touch-screen performances of MicroJam (Martin & Torresen 2018): x, y and time."""

from dataclasses import dataclass

import numpy as np

from worldmodel.data.download import Arrays, Source, fetch, prepared
from worldmodel.data.object_arrays import read_object_arrays
from worldmodel.data.sequences import Sequences, concat
from worldmodel.types import FloatArray

ATTRIBUTION = (
    "MicroJam tiny touch-screen performances, Charles P. Martin "
    "(cpmpercussion/creative-prediction-datasets)"
)
PUBLISHED = Source(
    "https://github.com/cpmpercussion/creative-prediction-datasets/raw/"
    "517367758b990032790dd567bb051a96d2e72115/datasets/TinyPerformanceArrays.npz",
    "1297c4288d054c50b6f6179b7f687429211502776a10a2b5e3f7da6a0929c2c1",
    "CC0 1.0",
    ATTRIBUTION,
)
LONGEST_PAUSE = 5.0  # seconds, to which times are clipped
HELD_OUT = 162  # performances each to validate and test
SPLIT_SEED = 2018


@dataclass(frozen=True)
class TinyPerformances:
    """Performances as rows of x, y and dt: fractions of the screen, and seconds since the touch
    before.

    Cleaned as RoboJam does: x and y are clipped to the screen, dt to five seconds, and performances
    of one touch are left out. `quantum` is the width of the noise that hides the lattice of the
    screen, and `time_quantum` that of the noise on times: they lie on a clock's microseconds, and
    half of them within a millisecond of a sixtieth of a second.
    """

    quantum: float
    time_quantum: float

    def load(self) -> Sequences:
        """The performances, split by performance; fetched at the first use.

        Raises:
            UserError: if they can't be fetched.
        """
        arrays = prepared("tiny_performance", _convert, "touches", "offsets", ("split",))
        whole = Sequences(
            clean(arrays["touches"].astype(np.float32)),
            arrays["offsets"].astype(np.int64),
            arrays["split"].astype(np.uint8),
            {},
        )
        return whole.kept(np.diff(whole.offsets) > 1)


def clean(touches: FloatArray) -> FloatArray:
    """Touches (n, 3) within the screen, and without pauses of more than five seconds."""
    return touches.clip(0, [1, 1, LONGEST_PAUSE]).astype(np.float32)


def _convert() -> Arrays:
    items = read_object_arrays(fetch(PUBLISHED), ("arr_0",), 3)["arr_0"]
    order = np.random.default_rng(SPLIT_SEED).permutation(len(items))
    split = np.zeros(len(items), np.uint8)
    split[order[:HELD_OUT]], split[order[HELD_OUT : 2 * HELD_OUT]] = 2, 1
    whole = concat(items, split)
    return {"touches": whole.rows, "offsets": whole.offsets.astype(np.int32), "split": split}
