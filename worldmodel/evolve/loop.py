"""The generations: ask, try in a world, tell, and now and then measure the mean for real."""

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.fitness import Fitness, Trial
from worldmodel.evolve.noise import Reliability, next_rollouts
from worldmodel.report.scatter import scatter
from worldmodel.run import checkpoint
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive_many
from worldmodel.stats import mean_sd
from worldmodel.types import FloatArray, World


@dataclass(frozen=True)
class EvolveConfig:
    """Numbers of one evolution.

    `rollouts` episodes per candidate, the same for all candidates of a generation (common random
    numbers), or with several `groups` of candidates the same within each: a generation then learns
    from so many times as many different episodes at the same cost. With `max_rollouts` they grow up
    to that many, as soon as less than `reliability` of the variance between the candidates' means
    is theirs and the rest is noise, and shrink again where they can. Every `selection_every`
    generations the mean, averaged over the last `average` generations, plays `selection_episodes`
    episodes of its own. `max_minutes` stops earlier (null: never).
    """

    cma: CMAConfig
    generations: int
    rollouts: int
    groups: int
    max_rollouts: int | None
    reliability: float
    average: int
    selection_every: int
    selection_episodes: int
    max_minutes: float | None

    def __post_init__(self) -> None:
        counts = "generations", "rollouts", "average", "selection_every", "selection_episodes"
        for key in counts:
            if getattr(self, key) < 1:
                raise ValueError(f"evolve.{key} is {getattr(self, key)}: it must be at least 1")
        if not 1 <= self.groups <= self.cma.popsize // 2:
            raise ValueError(
                f"evolve.groups is {self.groups}: use 1 to {self.cma.popsize // 2}, so that each "
                "has two of the evolve.cma.popsize candidates to compare"
            )
        if self.max_rollouts is not None and not 2 <= self.rollouts <= self.max_rollouts:
            raise ValueError(
                f"evolve.max_rollouts is {self.max_rollouts} and evolve.rollouts {self.rollouts}: "
                "it needs 2 <= rollouts <= max_rollouts, or max_rollouts=null"
            )
        if not 0 < self.reliability < 1:
            raise ValueError(f"evolve.reliability is {self.reliability}: use 0 to 1")


@dataclass(frozen=True)
class EvolveResult:
    """What an evolution ended with.

    `env_steps` were played in the selection's world, which is the real one, `dream_steps` in
    another. `selection_score` is the deployed mean's; `world_score` and `world_sd` are what the
    same mean gets on the selection seeds in the world where it was evolved.
    """

    generations: int
    env_steps: int
    dream_steps: int
    selection_score: float
    world_score: float
    world_sd: float


@dataclass
class _Tally:
    """What an evolution has come to so far, besides the search itself."""

    rollouts: float  # of the next generation, before rounding
    env_steps: int = 0
    dream_steps: int = 0
    minutes: float = 0.0
    best: float = -math.inf
    world_score: float = -math.inf
    world_sd: float = math.nan
    selected_at: int = -1  # generation of the last selection


def evolve(
    config: EvolveConfig,
    n_params: int,
    tried: Fitness,
    selection: World,
    run: Recorder,
    about: dict[str, Any],
    start: FloatArray | None = None,
) -> EvolveResult:
    """Evolve a controller of `n_params`; keep the mean that scores best in `selection`.

    `tried` says what candidates are worth. The search begins around `start` (n_params,), which is
    selected if nothing better is found, or around zeros.

    Writes checkpoints/last.pt (the exact search, and `about`) every generation, and at every
    selection checkpoints/mean.pt (the mean as it is) and, if none scored better,
    checkpoints/best.pt (which is what gets deployed).
    """
    path = run.checkpoint()
    search = CMA(config.cma, n_params, derive_many(run.seed, "evolve", 1)[0], start)
    tally = _Tally(config.rollouts)
    if path.exists():
        saved = checkpoint.load(path, made_by="the same command")
        search, tally = CMA.restore(saved["cma"], path), _Tally(**saved["tally"])
        tried.restore(saved["tried"])
        run.say(f"resuming at generation {search.generation} of {config.generations}")
    log = run.log(resume_step=search.generation)
    began = time.time() - 60 * tally.minutes

    def minutes() -> float:
        return (time.time() - began) / 60

    def finished() -> bool:
        out_of_time = config.max_minutes is not None and minutes() >= config.max_minutes
        return search.generation >= config.generations or out_of_time

    def select() -> None:
        chosen = derive_many(run.seed, "selection", config.selection_episodes)
        _select(search, config.average, chosen, tried.dream, selection, tally, run, about)

    def save() -> None:
        tally.minutes = minutes()
        state = {"cma": search.state(), "tried": tried.state(), "tally": asdict(tally)}
        checkpoint.save(path, state | {"about": about})

    with run.progress(config.generations, "generations", start=search.generation) as bar:
        if start is not None and search.generation == 0:
            select()
        while not finished():
            since = time.time()
            rollouts = round(tally.rollouts)
            drawn = derive_many(run.seed, "train", config.groups * rollouts, search.generation)
            seeds = [drawn[i : i + rollouts] for i in range(0, len(drawn), rollouts)]
            trial = tried.test(search.ask(), seeds, search.generation)
            search.tell(trial.fitness)
            tally.env_steps += trial.env_steps
            tally.dream_steps += trial.dream_steps
            tally.minutes = minutes()
            log.scalars(search.generation, _numbers(trial, search, tally, time.time() - since))
            if trial.pairs is not None:
                log.image(search.generation, "dream_and_reality", scatter(trial.pairs))
            if config.max_rollouts is not None:
                limits = config.rollouts, config.max_rollouts
                tally.rollouts = next_rollouts(
                    tally.rollouts, trial.returns, config.reliability, *limits
                )
            if search.generation % config.selection_every == 0:
                select()
            save()
            message = f"mean {trial.fitness.mean():.0f} best {trial.fitness.max():.0f}"
            bar.update(search.generation, f"{message} · selected {tally.best:.0f}")
        if tally.selected_at != search.generation:
            select()
            save()
    return EvolveResult(
        search.generation,
        tally.env_steps,
        tally.dream_steps,
        tally.best,
        tally.world_score,
        tally.world_sd,
    )


def _select(
    search: CMA,
    average: int,
    seeds: list[int],
    dream: World | None,
    selection: World,
    tally: _Tally,
    run: Recorder,
    about: dict[str, Any],
) -> None:
    """Measure the mean in reality, and in the dream if there is one; keep it if it is the best."""
    mean = search.average(average)[None]
    returns, lengths = selection.evaluate(mean, seeds, generation=None)
    score, sd = mean_sd(returns)
    tally.env_steps += int(lengths.sum())
    tally.selected_at = search.generation
    steps = float(lengths.mean())
    metrics = {"selection/mean": score, "selection/sd": sd, "selection/steps": steps}
    inside, inside_sd = score, sd
    if dream is not None:
        returns, lengths = dream.evaluate(mean, seeds, generation=search.generation)
        inside, inside_sd = mean_sd(returns)
        tally.dream_steps += int(lengths.sum())
        metrics |= {"dream/mean": inside, "dream/sd": inside_sd}
    run.log().scalars(search.generation, metrics)
    content = {
        "about": about,
        "params": torch.from_numpy(mean[0]),
        "generation": search.generation,
        "selection_score": score,
        "world_score": inside,
        "world_sd": inside_sd,
        "env_steps": tally.env_steps,
        "dream_steps": tally.dream_steps,
    }
    checkpoint.save(run.checkpoint("mean"), content)
    if score > tally.best:
        tally.best, tally.world_score, tally.world_sd = score, inside, inside_sd
        checkpoint.save(run.checkpoint("best"), content)


def _numbers(trial: Trial, search: CMA, tally: _Tally, seconds: float) -> dict[str, float]:
    rollouts = trial.returns.shape[1]
    metrics = {
        "fitness/mean": float(trial.fitness.mean()),
        "fitness/best": float(trial.fitness.max()),
        "fitness/sd": float(trial.fitness.std()),
        "rollouts": float(rollouts),
        "length": float(trial.lengths.mean()),
        "cma/sigma": search.sigma,
        "cma/mean_norm": float(np.linalg.norm(search.mean)),
        "env_steps": float(tally.env_steps),
        "dream_steps": float(tally.dream_steps),
        "steps_per_second": (trial.env_steps + trial.dream_steps) / seconds,
        "minutes": tally.minutes,
    }
    if rollouts > 1:
        metrics["fitness/reliability"] = Reliability.of(trial.returns).at(rollouts)
    return metrics | dict(trial.figures)
