"""The evolution loop over a real dream: resumes bitwise, deploys the best mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorder import Recorder

from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.fitness import Hybrid, HybridConfig, InWorld
from worldmodel.evolve.loop import EvolveConfig, evolve
from worldmodel.run import checkpoint
from worldmodel.run.log import read_metrics
from worldmodel.seed import PURPOSES, derive_many
from worldmodel.types import World

CONFIG = EvolveConfig(CMAConfig(6, 0.3), generations=6, rollouts=2, groups=1,
                      max_rollouts=None, reliability=0.5, average=1, selection_every=2,
                      selection_episodes=3, max_minutes=None)  # fmt: skip


@pytest.fixture
def world(small):
    generator = torch.Generator().manual_seed(0)
    first = Starts.first_frames(torch.randn(6, 4, generator=generator), torch.full((6, 4), -2.0))
    config = DreamConfig(1.0, "threshold", 1.0, 8, None, 0.0, None, 0.0, "fp32")
    return DreamWorld(Dynamics(small.mdnrnn, first, config, 1, "cpu"), small.controller)


class Watched(World):
    """The world, and a note of which seeds it was asked for."""

    def __init__(self, world):
        self.world, self.seeds = world, {True: [], False: []}

    def evaluate(self, params, seeds, *, generation):
        self.seeds[generation is not None].append(tuple(seeds))
        return self.world.evaluate(params, seeds, generation=generation)


def run(config, folder, world, n):
    return evolve(config, n, InWorld(world, True), world, Recorder(folder), {"kind": "controller"})


def test_resume_is_bitwise(small, world, tmp_path):
    n = small.controller.n_params
    straight = run(CONFIG, tmp_path / "a", world, n)
    run(replace(CONFIG, generations=3), tmp_path / "b", world, n)
    resumed = run(CONFIG, tmp_path / "b", world, n)
    one, two = (checkpoint.load(tmp_path / name / "last.pt") for name in "ab")
    assert torch.equal(one["cma"]["mean"], two["cma"]["mean"])
    assert torch.equal(one["cma"]["told"], two["cma"]["told"])
    searches = [CMA.restore(saved["cma"], tmp_path) for saved in (one, two)]
    np.testing.assert_array_equal(searches[0].ask(), searches[1].ask())
    assert straight.env_steps <= resumed.env_steps  # the stop at 3 had a selection of its own


def test_a_search_that_goes_on_plays_other_episodes(small, world, tmp_path):
    watched, n = Watched(world), small.controller.n_params
    args = CONFIG, n, InWorld(watched, True), watched
    evolve(*args, Recorder(tmp_path / "a"), {})
    before = set(sum(watched.seeds[True], ()))
    selected = set(watched.seeds[False])
    watched.seeds = {True: [], False: []}
    start = np.zeros(n, np.float32)
    halfway = replace(CONFIG, generations=3), *args[1:]
    evolve(*halfway, Recorder(tmp_path / "b"), {}, start, earlier=6)
    evolve(*args, Recorder(tmp_path / "b"), {})  # resumed: the checkpoint knows
    assert before.isdisjoint(sum(watched.seeds[True], ()))
    assert set(watched.seeds[False]) == selected


def test_the_deployed_mean_has_the_best_selection_score(small, world, tmp_path):
    result = run(CONFIG, tmp_path, world, small.controller.n_params)
    scores = {
        r["step"]: r["selection/mean"] for r in read_metrics(tmp_path) if "selection/mean" in r
    }
    best = checkpoint.load(tmp_path / "best.pt")
    assert list(scores) == [2, 4, 6]
    assert best["generation"] == max(scores, key=scores.get)
    assert best["selection_score"] == result.selection_score == max(scores.values())
    seeds = derive_many(0, "selection", 3)
    again, _ = world.evaluate(best["params"].numpy()[None], seeds, generation=None)
    assert again.mean() == pytest.approx(best["selection_score"])


def test_what_is_selected_is_averaged_over_generations_and_over_a_resume(small, world, tmp_path):
    n, config = small.controller.n_params, replace(CONFIG, average=3, selection_every=6)
    run(config, tmp_path / "a", world, n)
    run(replace(config, generations=4), tmp_path / "b", world, n)
    run(config, tmp_path / "b", world, n)
    one, two = (checkpoint.load(tmp_path / name / "mean.pt")["params"] for name in "ab")
    assert torch.equal(one, two)
    means = []
    for generations in (4, 5, 6):
        run(replace(CONFIG, generations=generations), tmp_path / "c", world, n)
        means.append(checkpoint.load(tmp_path / "c" / "mean.pt")["params"])
    torch.testing.assert_close(one, torch.stack(means).mean(0))
    assert not torch.equal(one, means[-1])


def test_common_random_numbers_and_disjoint_seeds(small, world, tmp_path):
    watched = Watched(world)
    run(CONFIG, tmp_path, watched, small.controller.n_params)
    training, selection = watched.seeds[True], watched.seeds[False]
    assert len(training) == 6
    assert len(set(training)) == 6, "each generation has tracks of its own"
    assert len(set(selection)) == 1, "selection always plays the same"
    purpose = {kind: {seed >> 27 for seeds in all_ for seed in seeds}
               for kind, all_ in (("train", training), ("selection", selection))}  # fmt: skip
    assert purpose == {kind: {PURPOSES.index(kind)} for kind in purpose}


def test_every_group_plays_seeds_of_its_own(small, world, tmp_path):
    watched = Watched(world)
    run(replace(CONFIG, groups=3), tmp_path, watched, small.controller.n_params)
    training, selection = watched.seeds[True], watched.seeds[False]
    assert [len(seeds) for seeds in training] == [2] * 6 * 3
    assert len({seed for seeds in training for seed in seeds}) == 2 * 6 * 3
    assert len(set(selection)) == 1


class Hard(World):
    """Pays a candidate its first parameter, less what its seeds cost."""

    def evaluate(self, params, seeds, *, generation):
        returns = params[:, :1] - np.array(seeds, np.float32)
        return returns, np.ones_like(returns, np.int64)


def test_hard_seeds_do_not_count_against_a_group():
    params = np.array([[0.0], [1.0], [0.0], [1.0], [3.0]], np.float32)
    trial = InWorld(Hard(), True).test(params, [[0, 1], [100, 400]], generation=0)
    np.testing.assert_allclose(trial.fitness[[0, 2]], trial.fitness[1] - 1, atol=1e-4)
    np.testing.assert_allclose(np.diff(trial.fitness[3:]), 2, atol=1e-4)
    assert trial.returns.shape == trial.lengths.shape == (5, 2)
    alone = InWorld(Hard(), True).test(params, [[0, 4]], generation=0)
    np.testing.assert_array_equal(alone.returns, params - np.array([0, 4], np.float32))


def test_dreamt_steps_are_not_env_steps(small, world, tmp_path):
    n, config = small.controller.n_params, CONFIG
    real = run(config, tmp_path / "real", world, n)
    dreamt = evolve(config, n, InWorld(world, False), world, Recorder(tmp_path / "dream"), {})
    assert real.dream_steps == 0
    assert 0 < dreamt.env_steps < real.env_steps
    assert dreamt.dream_steps > real.env_steps - dreamt.env_steps
    assert sum("dream/mean" in line for line in read_metrics(tmp_path / "dream")) == 3


def test_rollouts_follow_the_noise_and_a_resume_goes_on_with_as_many(small, world, tmp_path):
    n = small.controller.n_params
    config = replace(CONFIG, max_rollouts=4, reliability=0.99)
    straight = run(config, tmp_path / "a", world, n)
    run(replace(config, generations=3), tmp_path / "b", world, n)
    resumed = run(config, tmp_path / "b", world, n)
    rows = [[row["rollouts"] for row in read_metrics(tmp_path / name) if "rollouts" in row]
            for name in "ab"]  # fmt: skip
    assert rows[0] == rows[1]
    assert rows[0][0] == 2
    assert max(rows[0]) == 4
    assert straight.generations == resumed.generations == 6


def test_a_hybrid_goes_from_the_dream_to_both_and_resumes(small, world, tmp_path):
    n, config = small.controller.n_params, replace(CONFIG, rollouts=3)
    shares = HybridConfig(dream_generations=2, real_rollouts=2, least_agreement=-1.0, memory=0.5)
    for name, stops in (("a", (6,)), ("b", (3, 6))):
        for stop in stops:
            tried = Hybrid(world, world, shares)
            some = replace(config, generations=stop)
            result = evolve(some, n, tried, world, Recorder(tmp_path / name), {})
    one, two = (checkpoint.load(tmp_path / name / "last.pt") for name in "ab")
    assert torch.equal(one["cma"]["told"], two["cma"]["told"])
    assert one["tried"] == two["tried"]
    rows = [row for row in read_metrics(tmp_path / "a") if "fitness/mean" in row]
    assert ["hybrid/correlation" in row for row in rows] == [False] * 2 + [True] * 4
    assert 0 < result.env_steps < result.dream_steps


def test_time_is_up(small, world, tmp_path):
    result = run(replace(CONFIG, max_minutes=0.0), tmp_path, world, small.controller.n_params)
    assert result.generations == 0
    best = checkpoint.load(tmp_path / "best.pt")
    assert best["generation"] == 0, "where the search is gets selected, however short it was"
    assert result.selection_score == best["selection_score"]


def test_a_search_that_ends_before_its_next_selection_selects_once_more(small, world, tmp_path):
    n, config = small.controller.n_params, replace(CONFIG, selection_every=5)
    run(replace(config, generations=3), tmp_path, world, n)
    (tmp_path / "best.pt").unlink()
    saved = checkpoint.load(tmp_path / "last.pt")
    saved["tally"] |= {"selected_at": -1, "best": -np.inf}  # killed before it selected
    checkpoint.save(tmp_path / "last.pt", saved)
    run(replace(config, generations=2), tmp_path, world, n)
    assert checkpoint.load(tmp_path / "best.pt")["generation"] == 3


@pytest.mark.parametrize(
    ("key", "value"), [("max_rollouts", 1), ("reliability", 1.0), ("groups", 4)]
)
def test_bad_noise_handling_names_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: value})


@pytest.mark.parametrize("key", ["generations", "rollouts", "groups", "average", "selection_every"])
def test_bad_numbers_name_the_key(key):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: 0})
