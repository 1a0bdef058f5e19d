"""Recipes against noise compared: searches of equal cost that differ in nothing else."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.recipes import Policy, Recipe
from worldmodel.run import checkpoint
from worldmodel.run.json_file import read_json
from worldmodel.run.progress import Bar
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive, derive_many
from worldmodel.stats import mean_sd
from worldmodel.types import FloatArray, UserError, World


@dataclass(frozen=True)
class CompareConfig:
    """Numbers of one comparison.

    Every recipe searches `seeds` times until `budget` env steps are used. Whenever another
    `test_every` of them are, the mean of CMA-ES plays `test_episodes` episodes that no search
    learns from, and that are not counted.
    """

    budget: int
    seeds: int
    test_every: int
    test_episodes: int

    def __post_init__(self) -> None:
        for key in ("budget", "test_every", "test_episodes"):
            if getattr(self, key) < 1:
                raise ValueError(f"compare.{key} is {getattr(self, key)}: it must be at least 1")
        if self.seeds < 2:
            raise ValueError(
                f"compare.seeds is {self.seeds}: it must be at least 2, since one search shows no "
                "spread"
            )


@dataclass(frozen=True)
class Problem:
    """What all recipes have in common.

    `start` is the first mean (n_params,), None for zeros; `seed` that of the whole comparison.
    """

    world: World
    n_params: int
    cma: CMAConfig
    start: FloatArray | None
    seed: int


@dataclass(frozen=True)
class Point:
    """Score of the mean (mean and standard deviation over the test episodes) after some steps.

    `rollouts` are those that the next generation would have.
    """

    steps: int
    generation: int
    rollouts: int
    sigma: float
    score: float
    sd: float


Curve = tuple[Point, ...]


class _Counted:
    """A world that counts the env steps played in it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.steps = 0

    def returns(self, params: FloatArray, seeds: Sequence[int], generation: int) -> FloatArray:
        """Returns (P, R)."""
        returns, lengths = self._world.evaluate(params, seeds, generation=generation)
        self.steps += int(lengths.sum())
        return returns


def search(
    problem: Problem,
    recipe: Recipe,
    config: CompareConfig,
    index: int,
    on_test: Callable[[Point], None] = lambda _: None,
) -> Curve:
    """Search number `index` with one recipe; the scores of the mean from before the first step on.

    The budget is exceeded by less than a generation. Recipes share the draws of CMA-ES, the test
    episodes and, where they have as many rollouts, the seeds of a generation.
    """
    es = CMA(problem.cma, problem.n_params, derive(problem.seed, "evolve", index), problem.start)
    policy = recipe.begin(problem.n_params, derive(problem.seed, "evolve", index, 1))
    world = _Counted(problem.world)
    curve: list[Point] = []

    def test() -> None:
        seeds = derive_many(problem.seed, "selection", config.test_episodes)
        returns, _ = problem.world.evaluate(es.mean[None], seeds, generation=None)
        found = mean_sd(returns)
        curve.append(Point(world.steps, es.generation, policy.rollouts, es.sigma, *found))
        on_test(curve[-1])

    test()
    while world.steps < config.budget:
        tested = world.steps // config.test_every
        _advance(es, policy, world, problem.seed, index)
        if world.steps >= config.budget or world.steps // config.test_every > tested:
            test()
    return tuple(curve)


def _advance(es: CMA, policy: Policy, world: _Counted, seed: int, index: int) -> None:
    """One generation."""
    generation, rollouts = es.generation, policy.rollouts
    seeds = derive_many(seed, "train", 2 * rollouts, index, generation)
    params = es.ask()
    returns = world.returns(params, seeds[:rollouts], generation)
    es.tell(returns.mean(1))
    fresh = seeds[rollouts:]
    es.widen(policy.learn(params, returns, lambda some: world.returns(some, fresh, generation)))


@dataclass(frozen=True)
class Outcome:
    """All searches of one recipe; `half` scores are those at half of the budget."""

    curves: tuple[Curve, ...]
    minutes: float
    budget: int

    def row(self) -> dict[str, float]:
        """Means over the searches, and the standard deviation (of a sample) of the scores."""
        last = [curve[-1] for curve in self.curves]
        half = [score_at(curve, self.budget / 2) for curve in self.curves]
        score, score_sd = mean_sd([point.score for point in last])
        at_half, half_sd = mean_sd(half)
        return {
            "score": score,
            "score_sd": score_sd,
            "half": at_half,
            "half_sd": half_sd,
            "generations": float(np.mean([point.generation for point in last])),
            "rollouts": float(np.mean([point.rollouts for point in last])),
            "minutes": self.minutes,
        }


def score_at(curve: Curve, steps: float) -> float:
    """Score after so many steps, on the line between the two tests around them."""
    scores = [point.score for point in curve]
    return float(np.interp(steps, [point.steps for point in curve], scores))


def compare(
    config: CompareConfig,
    recipes: Mapping[str, Recipe],
    problem: Problem,
    run: Recorder,
    made_from: Mapping[str, str],
) -> dict[str, dict[str, float]]:
    """Search with every recipe on every seed; the row of each recipe, see `Outcome.row`.

    searches/<recipe>_<index>.json holds one search each, and one that is there already is not made
    again; summary.json has all curves and rows.

    Args:
        config: budget, seeds and tests.
        recipes: by name.
        problem: what is searched.
        run: where everything goes.
        made_from: what the world was made from; searches made from something else don't count.
    """
    files = {
        (index, name): run.folder / "searches" / f"{name}_{index}.json"
        for index in range(config.seeds)
        for name in recipes
    }

    def about(name: str) -> dict[str, Any]:
        recipe = recipes[name]
        kind = type(recipe).__name__
        return {"recipe": {"kind": kind} | asdict(recipe), "made_from": dict(made_from)}

    todo = [key for key, path in files.items() if not _is_search(path, about(key[1]))]
    finished = len(files) - len(todo)
    total, start = (count * config.budget for count in (len(files), finished))
    with run.progress(total, "steps", start) as bar:
        for done, (index, name) in enumerate(todo, finished):
            show = partial(_show, bar, done * config.budget, config.budget, f"{name} {index}")
            since = time.time()
            curve = search(problem, recipes[name], config, index, show)
            record = {"minutes": (time.time() - since) / 60, "curve": [asdict(at) for at in curve]}
            checkpoint.save_json(files[index, name], about(name) | record)
    outcomes = {
        name: _read([files[index, name] for index in range(config.seeds)], config.budget)
        for name in recipes
    }
    rows = {name: outcome.row() for name, outcome in outcomes.items()}
    checkpoint.save_json(
        run.folder / "summary.json",
        {name: about(name) | {"row": rows[name], "curves": asdict(outcome)["curves"]}
         for name, outcome in outcomes.items()},
    )  # fmt: skip
    return rows


def _show(bar: Bar, before: int, budget: int, label: str, point: Point) -> None:
    """Move the bar: `before` steps were those of earlier searches."""
    bar.update(before + min(point.steps, budget), f"{label} · score {point.score:.1f}")


def _is_search(path: Path, about: Mapping[str, Any]) -> bool:
    """Whether the file holds this very search."""
    if not path.exists():
        return False
    try:
        found = read_json(path)
    except UserError:  # a damaged one is made again
        return False
    return {key: found.get(key) for key in about} == about


def _read(paths: Sequence[Path], budget: int) -> Outcome:
    found = [read_json(path) for path in paths]
    curves = tuple(tuple(Point(**point) for point in each["curve"]) for each in found)
    return Outcome(curves, float(np.mean([each["minutes"] for each in found])), budget)
