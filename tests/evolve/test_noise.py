"""Ranking noise: its components are recovered, and rollouts follow it."""

import numpy as np
import pytest

from worldmodel.evolve.noise import Reliability, next_rollouts


def returns(signal, seeds, noise, candidates=400, rollouts=50):
    rng = np.random.default_rng(0)
    return (
        rng.normal(0, signal, (candidates, 1))
        + rng.normal(0, seeds, (1, rollouts))
        + rng.normal(0, noise, (candidates, rollouts))
    ).astype(np.float32)


def test_components_are_recovered_and_hard_seeds_are_not_noise():
    found = Reliability.of(returns(3.0, 50.0, 6.0))
    assert found.signal == pytest.approx(9, rel=0.1)
    assert found.noise == pytest.approx(36, rel=0.1)
    assert found.at(4) == pytest.approx(0.5, abs=0.05)
    assert found.rollouts_for(0.5) == pytest.approx(4, rel=0.1)
    assert found.at(found.rollouts_for(0.8)) == pytest.approx(0.8)


def test_no_noise_and_no_signal():
    exact = Reliability.of(returns(1.0, 5.0, 0.0))
    assert exact.at(1) == pytest.approx(1.0, abs=1e-5)
    nothing = Reliability.of(np.array([[1, 0, 1, 0], [0, 1, 0, 1]], np.float32))
    assert nothing.signal == 0
    assert nothing.rollouts_for(0.5) == np.inf
    assert Reliability.of(np.zeros((3, 3), np.float32)).at(3) == 1.0


@pytest.mark.parametrize("shape", [(1, 4), (4, 1)])
def test_a_single_one_says_nothing(shape):
    with pytest.raises(ValueError, match="2 candidates and 2 rollouts"):
        Reliability.of(np.zeros(shape, np.float32))


def test_rollouts_move_step_by_step_and_keep_their_limits():
    noisy, clear = returns(0.1, 0.0, 10.0), returns(10.0, 0.0, 0.1)
    assert next_rollouts(4.0, noisy, 0.5, 2, 16) == 5.0
    assert next_rollouts(15.0, noisy, 0.5, 2, 16) == 16
    assert next_rollouts(10.0, clear, 0.5, 2, 16) == 8.0
    assert next_rollouts(2.0, clear, 0.5, 1, 16) == 2
