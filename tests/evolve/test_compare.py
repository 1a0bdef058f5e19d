"""Recipes against noise: equal budgets, equal conditions, kept searches."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from recorder import Recorder

from worldmodel.evolve.cma import CMAConfig
from worldmodel.evolve.compare import CompareConfig, Point, Problem, compare, score_at, search
from worldmodel.evolve.recipes import Fixed, Measured, RankChanges
from worldmodel.seed import derive_many
from worldmodel.types import World

TARGET = np.linspace(-1, 1, 6, dtype=np.float32)
LENGTH, POPSIZE = 10, 10
CONFIG = CompareConfig(budget=16_000, seeds=2, test_every=4_000, test_episodes=16)
SHORT = CompareConfig(budget=4_000, seeds=2, test_every=1_000, test_episodes=4)
RECIPES = {
    "one": Fixed(1),
    "four": Fixed(4),
    "measured": Measured(2, 16, 0.5),
    "ranks": RankChanges(1, 1, 16),
}


def truth(params):
    return -np.square(params - TARGET).sum(1)


class Noisy(World):
    """A quadratic; each return has noise of the seed and noise of candidate and seed."""

    def __init__(self, noise=1.0, hardness=0.0):
        self.noise, self.hardness = noise, hardness
        self.asked = []

    def evaluate(self, params, seeds, *, generation):
        self.asked.append((len(params), tuple(seeds), generation))
        hard = [np.random.default_rng(seed).normal() for seed in seeds]
        own = [[np.random.default_rng([seed, *row.view(np.uint32)]).normal() for seed in seeds]
               for row in np.ascontiguousarray(params, np.float32)]  # fmt: skip
        returns = truth(params)[:, None] + self.noise * np.array(own)
        returns += self.hardness * np.array(hard)
        return returns.astype(np.float32), np.full(returns.shape, LENGTH, np.int64)

    def close(self):
        pass


def problem(world=None, seed=0):
    return Problem(world or Noisy(), len(TARGET), CMAConfig(POPSIZE, 0.3), None, seed)


@pytest.mark.parametrize("name", RECIPES)
def test_a_search_keeps_its_budget_and_gets_better(name):
    world = Noisy()
    curve = search(problem(world), RECIPES[name], CONFIG, 0)
    played = [(count * len(seeds) * LENGTH, generation) for count, seeds, generation in world.asked
              if generation is not None]  # fmt: skip
    assert curve[-1].steps == sum(steps for steps, _ in played)
    last = sum(steps for steps, generation in played if generation == curve[-1].generation - 1)
    assert CONFIG.budget <= curve[-1].steps < CONFIG.budget + last
    assert [point.steps // CONFIG.test_every for point in curve] == [0, 1, 2, 3, 4]
    assert curve[0].score == pytest.approx(truth(np.zeros((1, 6)))[0], abs=1)
    assert curve[-1].score > curve[0].score + 1.5


def test_searches_are_repeatable_and_differ_by_seed_and_index():
    def last(seed, index):
        return search(problem(seed=seed), RECIPES["ranks"], SHORT, index)[-1]

    assert last(0, 0) == last(0, 0)
    assert len({last(0, 0).score, last(0, 1).score, last(1, 0).score}) == 3


def test_recipes_share_draws_seeds_and_tests():
    one, four = Noisy(), Noisy()
    first = search(problem(one), RECIPES["one"], SHORT, 1)[0]
    assert replace(first, rollouts=4) == search(problem(four), RECIPES["four"], SHORT, 1)[0]
    tests = [{seeds for _, seeds, generation in world.asked if generation is None}
             for world in (one, four)]  # fmt: skip
    assert tests[0] == tests[1] == {tuple(derive_many(0, "selection", 4))}
    learned = [[seeds for _, seeds, generation in world.asked if generation is not None]
               for world in (one, four)]  # fmt: skip
    for few, many in zip(*learned, strict=False):
        assert few == many[:1]
    assert not set(*tests[0]) & set().union(*learned[0], *learned[1])


def test_the_search_begins_at_the_given_mean():
    there = replace(problem(), start=TARGET)
    assert search(there, RECIPES["one"], SHORT, 0)[0].score == pytest.approx(0, abs=1)


@pytest.mark.parametrize("noise", [0.0, 30.0])
@pytest.mark.parametrize("name", ["measured", "ranks"])
def test_rollouts_follow_the_noise(name, noise):
    config = CONFIG if noise else SHORT
    curve = search(problem(Noisy(noise)), RECIPES[name], config, 0)
    if noise:
        assert max(point.rollouts for point in curve) > 4
    else:
        assert {point.rollouts for point in curve} == {RECIPES[name].begin(6, 0).rollouts}


def test_pycma_tries_some_again_on_fresh_seeds_and_widens():
    world = Noisy(30.0)
    curve = search(problem(world), RECIPES["ranks"], CONFIG, 0)
    for number in range(curve[-1].generation):
        (first, seeds, _), (again, fresh, _) = (call for call in world.asked if call[2] == number)
        assert first == POPSIZE
        assert again in (2, 3), "2 + popsize / 20"
        assert len(seeds) == len(fresh)
        assert not set(seeds) & set(fresh)
    assert curve[-1].sigma > search(problem(Noisy(30.0)), Fixed(1), CONFIG, 0)[-1].sigma


def test_a_seed_hard_for_all_is_noise_to_rank_changes_only():
    world = Noisy(noise=0.0, hardness=30.0)
    assert search(problem(world), RECIPES["ranks"], SHORT, 0)[-1].rollouts > 4
    assert search(problem(world), RECIPES["measured"], SHORT, 0)[-1].rollouts == 2


def test_finished_searches_are_kept(tmp_path):
    world, run = Noisy(), Recorder(tmp_path)
    two = {name: RECIPES[name] for name in ("one", "ranks")}
    first = compare(SHORT, two, problem(world), run, {"m": "a"})
    assert list(first) == ["one", "ranks"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["one"]["row"] == first["one"]
    curves = summary["one"]["curves"]
    assert [len(curve) for curve in curves] == [5, 5]
    finals = [curve[-1]["score"] for curve in curves]
    assert first["one"]["score"] == pytest.approx(np.mean(finals))
    assert first["one"]["score_sd"] == pytest.approx(abs(finals[0] - finals[1]) / np.sqrt(2))

    def made(config=SHORT, recipes=two, made_from="a"):
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "searches").glob("*")}
        rows = compare(config, recipes, problem(world), run, {"m": made_from})
        now = (tmp_path / "searches").glob("*")
        new = sorted(path.stem for path in now if before.get(path) != path.stat().st_mtime_ns)
        return rows, new

    assert made() == (first, [])
    (tmp_path / "searches" / "ranks_1.json").unlink()
    rows, new = made()
    assert new == ["ranks_1"]
    assert {**rows["ranks"], "minutes": 0} == {**first["ranks"], "minutes": 0}
    assert made(replace(SHORT, seeds=3))[1] == ["one_2", "ranks_2"]
    assert made(recipes=two | {"one": Fixed(2)})[1] == ["one_0", "one_1"]
    assert len(made(made_from="b")[1]) == 4
    shutil.rmtree(tmp_path / "searches")
    assert len(made()[1]) == 4


def test_scores_between_two_tests_lie_on_the_line():
    curve = tuple(
        Point(steps, 0, 1, 0.1, score, 0.0) for steps, score in [(0, 0), (10, 5), (20, 6)]
    )
    assert score_at(curve, 10) == 5
    assert score_at(curve, 4) == 2


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Fixed(0), "rollouts"),
        (lambda: Measured(1, 16, 0.5), "max_rollouts"),
        (lambda: Measured(2, 16, 1.0), "reliability"),
        (lambda: RankChanges(1, 17, 16), "least"),
        (lambda: replace(CONFIG, budget=0), "budget"),
        (lambda: replace(CONFIG, seeds=1), "seeds"),
    ],
)
def test_bad_numbers_name_the_key(make, match):
    with pytest.raises(ValueError, match=match):
        make()
