import math

import numpy as np
import pytest

from worldmodel.models.markov import Steps, choice_nats, floors


def walk(count, length, seed, keep=0.9):
    """An autoregressive walk of unit innovations, as rows with those before them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, length, 1)) / math.sqrt(1 - keep**2)
    for t in range(1, length):
        x[:, t] = keep * x[:, t - 1] + rng.normal(size=(count, 1))
    before = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], 1)
    first = np.zeros((count, length), bool)
    first[:, 0] = True
    flat = x.reshape(-1, 1), before.reshape(-1, 1)
    return Steps(*flat, np.zeros(count * length, np.int64), first.ravel())


@pytest.mark.slow
def test_one_step_of_memory_finds_what_one_step_tells():
    """With and without memory, against the entropies that are known."""
    found = floors(walk(100, 100, 0), walk(100, 100, 1), 0)
    innovation = 0.5 * math.log(2 * math.pi * math.e)
    whole = innovation - 0.5 * math.log(1 - 0.9**2)
    assert found.gaussian == pytest.approx(whole, abs=0.05)
    assert found.mixture == pytest.approx(whole, abs=0.06)
    assert found.markov == pytest.approx(innovation, abs=0.05)


def test_few_rows_and_kinds_that_training_lacks_have_floors():
    """Fewer rows than components, and test rows of a kind that no training row is of."""
    train, test = walk(4, 6, 0), walk(5, 6, 1)
    test.kind[::7] = 1
    first, again = floors(train, test, 0), floors(train, test, 0)
    assert first == again
    assert all(math.isfinite(value) and abs(value) < 100 for value in vars(first).values())


def test_a_choice_costs_what_the_one_before_leaves_open():
    before = np.array([0, 1] * 500)
    sure, open_ = (before, 1 - before), (before, np.array([0, 0, 1, 1] * 250))
    assert choice_nats(sure, sure, 2) < 0.01
    assert choice_nats(open_, open_, 2) == pytest.approx(math.log(2), abs=0.01)
