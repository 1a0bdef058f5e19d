"""What drawings cost without a network."""

import numpy as np

from worldmodel.data.sequences import SequenceData
from worldmodel.models.markov import Steps, choice_nats, floors
from worldmodel.pen.strokes import LIFT
from worldmodel.types import IntArray


def pen_floors(data: SequenceData, pen: str, seed: int) -> dict[str, float]:
    """Nats per step of the test drawings, in units of the training deviation, by what knows how
    much: one Gaussian, a mixture for each state of the pen, and one that knows the step before.

    The pen's own nats, given its state before, are added to the last two.
    """
    (train, train_pen), (test, test_pen) = _steps(data, "train"), _steps(data, "test")
    found = floors(train, test, seed)
    states = 2 if pen == "lift" else 3
    train_pen, test_pen = (
        (np.minimum(before, states - 1), np.minimum(now, states - 1))
        for before, now in (train_pen, test_pen)
    )
    pen_nats = choice_nats(train_pen, test_pen, states)
    return {
        "gaussian_move": found.gaussian,
        "mixture_floor": found.mixture + pen_nats,
        "markov_floor": found.markov + pen_nats,
        "markov_pen": pen_nats,
    }


def _steps(data: SequenceData, split: str) -> tuple[Steps, tuple[IntArray, IntArray]]:
    """Rows with those before them, and the pen's states (before, now)."""
    rows_, befores, firsts = [], [], []
    for batch in data.of(split):
        rows, known = batch["rows"].numpy(), batch["mask"].numpy()
        before = np.concatenate([np.zeros_like(rows[:, :1]), rows[:, :-1]], 1)
        first = np.zeros(known.shape, bool)
        first[:, 0] = True
        rows_.append(rows[known])
        befores.append(before[known])
        firsts.append(first[known])
    now, then = np.concatenate(rows_), np.concatenate(befores)
    pen, pen_before = (each[:, 2].astype(np.int64) for each in (now, then))
    kind = np.minimum(pen_before, LIFT)
    steps = Steps(now[:, :2], then[:, :2], kind, np.concatenate(firsts))
    return steps, (pen_before, pen)
