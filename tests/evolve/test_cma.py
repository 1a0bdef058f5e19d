"""CMA-ES: finds optima, resumes bitwise, leaves global randomness alone."""

import numpy as np
import pytest

from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.run import checkpoint
from worldmodel.types import UserError

TARGET = np.linspace(-1, 1, 12, dtype=np.float32)


def fitness(x):
    return -np.square(x - TARGET).sum(1)


def advance(search, generations):
    for _ in range(generations):
        search.tell(fitness(search.ask()))
    return search


def test_maximises():
    search = advance(CMA(CMAConfig(12, 0.3), 12, seed=1), 120)
    np.testing.assert_allclose(search.mean, TARGET, atol=1e-2)
    assert search.generation == 120


def test_mean_starts_at_zero_and_full_covariance_is_used():
    search = CMA(CMAConfig(4, 0.1), 12, seed=1)
    assert not search.mean.any()
    assert search._es.sm.covariance_matrix.shape == (12, 12)
    advance(search, 30)
    off_diagonal = search._es.sm.covariance_matrix - np.diag(
        np.diag(search._es.sm.covariance_matrix)
    )
    assert np.abs(off_diagonal).max() > 0


def test_resume_is_bitwise(tmp_path):
    straight = advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 14)
    half = advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 7)
    half.ask()  # a generation in flight at the kill is simply asked for again
    checkpoint.save(tmp_path / "cma.pt", half.state())
    resumed = CMA.restore(checkpoint.load(tmp_path / "cma.pt"), tmp_path / "cma.pt")
    assert resumed.generation == 7
    advance(resumed, 7)
    np.testing.assert_array_equal(resumed.mean, straight.mean)
    assert resumed.sigma == straight.sigma
    np.testing.assert_array_equal(resumed.ask(), straight.ask())


def test_a_warm_start_is_kept_over_a_resume(tmp_path):
    start = TARGET + 0.01
    search = CMA(CMAConfig(8, 0.001), 12, seed=5, start=start)
    np.testing.assert_allclose(search.mean, start, atol=1e-7)
    resumed = CMA.restore(advance(search, 3).state(), tmp_path)
    np.testing.assert_array_equal(resumed.mean, search.mean)


def test_the_step_size_keeps_to_its_floor_over_a_resume(tmp_path):
    free, held = (CMA(CMAConfig(8, 0.3, least), 12, seed=5) for least in (0.0, 0.25))
    assert advance(free, 60).sigma < 0.25
    assert advance(held, 60).sigma == 0.25
    resumed = CMA.restore(held.state(), tmp_path)
    np.testing.assert_array_equal(resumed.ask(), held.ask())


def test_the_step_size_halves_over_a_resume(tmp_path):
    config = CMAConfig(8, 0.3, 0.05, half_life=10)
    search = advance(CMA(config, 12, seed=5), 10)
    assert search.sigma <= 0.15
    assert advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 10).sigma > search.sigma
    resumed = CMA.restore(search.state(), tmp_path)
    np.testing.assert_array_equal(resumed.ask(), search.ask())
    assert advance(resumed, 60).sigma == 0.05


def test_bounds_of_the_step_size():
    config = CMAConfig(8, 0.4, 0.1, half_life=10)
    assert [config.bound(1.0, generation) for generation in (0, 10, 40)] == [0.4, 0.2, 0.1]
    assert config.bound(0.15, 10) == 0.15
    assert CMAConfig(8, 0.4).bound(1.0, 10) == 1.0


def test_a_centered_search_goes_on_bitwise(tmp_path):
    straight = advance(CMA(CMAConfig(8, 0.3, 0.1, centered=True), 12, seed=5), 9)
    half = advance(CMA(CMAConfig(8, 0.3, 0.1, centered=True), 12, seed=5), 4)
    checkpoint.save(tmp_path / "cma.pt", half.state())
    resumed = CMA.restore(checkpoint.load(tmp_path / "cma.pt"), tmp_path / "cma.pt")
    np.testing.assert_array_equal(advance(resumed, 5).ask(), straight.ask())


def test_failures_tell_more_to_a_centered_search():
    """Half the candidates on one side of a coordinate fail now and then; the rest is noise."""
    progress = {}
    for centered in (False, True):
        rng, search = np.random.default_rng(3), CMA(CMAConfig(200, 1.0, 0.0, centered), 10, seed=1)
        asked = search.ask()
        fails = (asked[:, 0] < 0) & (rng.random(200) < 0.3)
        search.tell(rng.normal(0, 0.01, 200) - fails * rng.exponential(1.0, 200))
        progress[centered] = search.mean[0] / np.linalg.norm(search.mean[1:])
    assert progress[True] > 2 * progress[False] > 0


def test_the_average_of_means_begins_with_the_start(tmp_path):
    start = np.full(12, 0.5)
    search = CMA(CMAConfig(8, 0.3), 12, seed=5, start=start)
    np.testing.assert_array_equal(search.average(4), start)
    means = [advance(search, 1).mean for _ in range(5)]
    np.testing.assert_allclose(search.average(3), np.mean(means[-3:], 0), rtol=1e-6)
    np.testing.assert_allclose(search.average(9), np.mean(means, 0), rtol=1e-6)
    resumed = CMA.restore(search.state(), tmp_path)
    np.testing.assert_array_equal(resumed.average(3), search.average(3))


def test_a_state_that_does_not_replay_is_refused(tmp_path):
    state = advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 3).state()
    state["mean"] = state["mean"] + 1
    with pytest.raises(UserError, match=r"cma\.pt"):
        CMA.restore(state, tmp_path / "cma.pt")


def test_a_widened_search_has_no_state_to_replay():
    search = advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 3)
    before = search.sigma
    search.widen(1.0)
    assert search.state()["n"] == 12
    search.widen(1.5)
    assert search.sigma == pytest.approx(1.5 * before)
    with pytest.raises(AssertionError, match="replay"):
        search.state()


def test_global_randomness_is_untouched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    advance(CMA(CMAConfig(8, 0.3), 12, seed=5), 3)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("key", "values"),
    [("popsize", (1, 0.1)), ("sigma", (4, 0.0)), ("min_sigma", (4, 0.1, 0.2)),
     ("half_life", (4, 0.1, 0.0, False, 0))],
)  # fmt: skip
def test_bad_numbers_name_the_key(key, values):
    with pytest.raises(ValueError, match=key):
        CMAConfig(*values)
