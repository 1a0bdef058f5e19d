"""What the mean of CMA-ES gets of a ranking."""

import numpy as np
import pytest

from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.ranking import agreement, weigh_better, weigh_both, weigh_worse


@pytest.mark.parametrize(("centered", "weigh"), [(False, weigh_better), (True, weigh_both)])
def test_the_mean_moves_by_these_weights(centered, weigh):
    search = CMA(CMAConfig(20, 0.3, centered=centered), 6, seed=1)
    asked, fitness = search.ask(), np.random.default_rng(2).standard_normal(20)
    search.tell(fitness)
    np.testing.assert_allclose(search.mean, weigh(fitness) @ asked, rtol=1e-5)


def test_the_worse_half_is_the_better_one_upside_down():
    fitness = np.array([3.0, 1.0, 4.0, 2.0])
    assert weigh_better(fitness).argmax() == 2
    assert weigh_better(fitness)[[1, 3]].tolist() == [0, 0]
    assert weigh_worse(fitness).argmin() == 1
    assert weigh_worse(fitness)[[0, 2]].tolist() == [0, 0]


def returns(failures, seed=0):
    """(60, 40): candidates differ in how often they fail, or in what they get; the rest is luck."""
    rng = np.random.default_rng(seed)
    worth = rng.standard_normal((60, 1))
    if failures:
        fails = rng.random((60, 40)) < 0.1 * np.exp(-worth)
        return (rng.normal(0, 0.3, (60, 40)) - 5 * fails).astype(np.float32)
    return (worth + 0.1 * rng.standard_normal((60, 40))).astype(np.float32)


def test_without_noise_the_weights_agree_with_what_candidates_are_worth():
    clear = {weigh: agreement(returns(False), 2, weigh, 100)[0]
             for weigh in (weigh_better, weigh_both)}  # fmt: skip
    assert clear[weigh_both] > 0.9
    assert 0.6 < clear[weigh_better] < clear[weigh_both]


def test_where_candidates_fail_now_and_then_the_worse_half_tells_more():
    rare = {weigh: agreement(returns(True), 2, weigh, 400)[0]
            for weigh in (weigh_better, weigh_worse, weigh_both)}  # fmt: skip
    assert rare[weigh_worse] > 1.5 * rare[weigh_better]
    assert rare[weigh_both] > 1.5 * rare[weigh_better]
    again = agreement(returns(True), 2, weigh_both, 400, hard=True)
    assert again[0] > 0.5 * rare[weigh_both]
    assert 0 < again[1] < 0.1
