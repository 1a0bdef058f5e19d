"""Small drawings, and prepared data sets of them, for tests of pen and touch."""

import numpy as np

from worldmodel.data.sequences import concat
from worldmodel.pen.strokes import END

SMALL_PEN = [
    "system.network.hidden=12",
    "system.network.components=2",
    "system.batches.batch_size=8",
    "fit.steps=6",
    "fit.log_every=2",
    "fit.holdout_every=3",
    "fit.checkpoint_every=3",
]


def shapes(count, seed=0):
    """Squares and zigzags of two strokes, as steps (n, 3) of whole numbers."""
    rng = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        size = rng.integers(20, 60)
        moves = np.array([[size, 0], [0, size], [-size, 0], [0, -size]])[: rng.integers(2, 5)]
        second = np.array([[size // 2, size // 3], [size // 3, -size // 4]])
        steps = np.concatenate([moves, second]) + rng.integers(-4, 5, (len(moves) + 2, 2))
        pen = np.zeros(len(steps))
        pen[len(moves) - 1], pen[-1] = 1, END
        items.append(np.column_stack([steps, pen]).astype(np.float32))
    return items


def drawings(count=60, seed=0):
    """`shapes` as sequences: two thirds to train, the rest to validate and test."""
    return concat(shapes(count, seed), np.repeat([0, 1, 2], [count - 2 * (count // 6)]
                                                 + 2 * [count // 6]))  # fmt: skip


def write_prepared(folder, name, count=60):
    """A prepared data set of `shapes`, as the loader `name` finds it."""
    sequences = drawings(count)
    steps = sequences.rows.copy()
    steps[:, 2] = np.minimum(steps[:, 2], 1)
    np.savez(
        folder / f"{name}.npz",
        steps=steps.astype(np.int16),
        offsets=sequences.offsets.astype(np.int32),
        split=sequences.split,
    )


def write_timed(folder):
    """Letters a to z by 20 persons: each letter is two lines whose angles tell it."""
    rng = np.random.default_rng(0)
    xy, strokes, ends, labels = [], [0], [0], []
    for drawer in range(1, 21):
        for character in range(1, 27):
            angle = 2 * np.pi * character / 26 + rng.normal(0, 0.02)
            for turn in (0.0, 1.3):
                along = np.linspace(0, 40, 6)[:, None]
                way = np.array([np.cos(angle + turn), np.sin(angle + turn)])
                xy.append(50 + along * way + rng.normal(0, 0.4, (6, 2)) + (0, -100))
                strokes.append(strokes[-1] + 6)
            ends.append(len(strokes) - 1)
            labels.append((character, drawer))
    characters, drawers = np.array(labels).T
    points = np.concatenate(xy).astype(np.float32)
    np.savez(
        folder / "omniglot_timed.npz",
        xy=points,
        t_ms=np.arange(len(points), dtype=np.int32),
        stroke_offsets=np.array(strokes, np.int32),
        drawing_offsets=np.array(ends, np.int32),
        alphabet_names=np.array(["Latin"]),
        alphabet=np.zeros(len(labels), np.uint8),
        character=characters.astype(np.uint8),
        drawer=drawers.astype(np.uint8),
        split=np.where(drawers > 16, 2, np.where(drawers > 14, 1, 0)).astype(np.uint8),
    )


def touches(count, seed=0, long=20):
    """Performances (n, 3) of x, y and dt: swipes across the screen."""
    rng = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        n = rng.integers(6, long)
        x = (rng.random() + np.cumsum(rng.normal(0, 0.02, n))).clip(0, 1)
        y = (rng.random() + np.cumsum(rng.normal(0, 0.02, n))).clip(0, 1)
        dt = np.where(rng.random(n) < 0.1, 0.4, 0.0167)
        dt[0] = 0
        items.append(np.column_stack([x, y, dt]).astype(np.float32))
    return items


def performances(count=48, seed=0):
    """`touches` as sequences."""
    sixth = count // 6
    return concat(touches(count, seed), np.repeat([0, 1, 2], [count - 2 * sixth, sixth, sixth]))


def write_touches(folder, count=48):
    """A prepared data set of `touches`."""
    sequences = performances(count)
    np.savez(
        folder / "tiny_performance.npz",
        touches=sequences.rows,
        offsets=sequences.offsets.astype(np.int32),
        split=sequences.split,
    )
