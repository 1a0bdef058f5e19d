"""The generations: ask, try in a world, tell, and now and then measure the mean for real."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.fitness import Fitness, Trial
from worldmodel.evolve.noise import Reliability, next_rollouts
from worldmodel.evolve.selection import Selection, Tally
from worldmodel.report.scatter import dream_and_reality
from worldmodel.report.tables import short
from worldmodel.run import checkpoint
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive_many
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
        if self.max_minutes is not None and self.max_minutes < 0:
            raise ValueError(
                f"evolve.max_minutes is {self.max_minutes}: it can't be negative; null is no limit"
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


def evolve(
    config: EvolveConfig,
    n_params: int,
    fitness: Fitness,
    selection: World,
    run: Recorder,
    about: dict[str, Any],
    start: FloatArray | None = None,
    earlier: int = 0,
) -> EvolveResult:
    """Evolve a controller of `n_params`; keep the mean that scores best in `selection`.

    `fitness` says what candidates are worth. The search begins around `start` (n_params,), which is
    selected if nothing better is found, or around zeros. Where `start` came of so many `earlier`
    generations, this search plays other episodes than those.

    Writes checkpoints/last.pt (the exact search, and `about`) every generation, and at every
    selection checkpoints/mean.pt (the mean as it is) and, if none scored better,
    checkpoints/best.pt (which is what gets deployed).
    """
    own = derive_many(run.seed, "evolve", 1, *([earlier] if earlier else []))[0]
    search = CMA(config.cma, n_params, own, start)
    tally = Tally(config.rollouts, earlier=earlier)
    evolution = _Evolution(config, search, tally, fitness, selection, run, about)
    with run.progress(config.generations, "generations", start=evolution.generation) as bar:
        if start is not None and evolution.generation == 0:
            evolution.select()
        while not evolution.finished():
            trial = evolution.advance()
            if evolution.generation % config.selection_every == 0:
                evolution.select()
            evolution.save()
            mean, most = float(trial.fitness.mean()), float(trial.fitness.max())
            message = f"mean {short(mean)} best {short(most)}"
            bar.update(evolution.generation, f"{message} · selected {short(evolution.tally.best)}")
        if evolution.tally.selected_at != evolution.generation:
            evolution.select()
            evolution.save()
    return evolution.result()


class _Evolution:
    """A search and its tally, from the last checkpoint on if there is one."""

    def __init__(
        self,
        config: EvolveConfig,
        search: CMA,
        tally: Tally,
        fitness: Fitness,
        selection: World,
        run: Recorder,
        about: dict[str, Any],
    ) -> None:
        self._config, self._search, self._fitness = config, search, fitness
        self._run, self._about = run, about
        self.tally = tally
        path = run.checkpoint()
        if path.exists():
            saved = checkpoint.load(path, ("cma", "tally", "tried"))
            self._search, self.tally = CMA.restore(saved["cma"], path), Tally(**saved["tally"])
            fitness.restore(saved["tried"])
            run.say(f"resuming at generation {self.generation} of {config.generations}")
        seeds = derive_many(run.seed, "selection", config.selection_episodes)
        self._selection = Selection(selection, fitness.dream, seeds, config.average, run, about)
        self._log = run.log(resume_step=self.generation)
        self._began = time.time() - 60 * self.tally.minutes

    @property
    def generation(self) -> int:
        """Generations so far."""
        return self._search.generation

    def finished(self) -> bool:
        """Whether the generations or the minutes are used up."""
        limit = self._config.max_minutes
        out_of_time = limit is not None and self._minutes() >= limit
        return self.generation >= self._config.generations or out_of_time

    def advance(self) -> Trial:
        """One generation: ask, try, tell."""
        since, config, tally = time.time(), self._config, self.tally
        trial = self._fitness.test(self._search.ask(), self._seeds(), self.generation)
        self._search.tell(trial.fitness)
        tally.env_steps += trial.env_steps
        tally.dream_steps += trial.dream_steps
        tally.minutes = self._minutes()
        metrics = _metrics(trial, self._search, tally, time.time() - since)
        self._log.scalars(self.generation, metrics)
        if trial.pairs is not None and self.generation % config.selection_every == 0:
            picture = dream_and_reality(trial.pairs, "candidates of a generation", "fit")
            self._log.image(self.generation, "dream_and_reality", picture)
        if config.max_rollouts is not None:
            limits = config.rollouts, config.max_rollouts
            tally.rollouts = next_rollouts(
                tally.rollouts, trial.returns, config.reliability, *limits
            )
        return trial

    def select(self) -> None:
        """Measure the mean, and keep it if it is the best."""
        self._selection.measure(self._search, self.tally)

    def save(self) -> None:
        """Write checkpoints/last.pt."""
        self.tally.minutes = self._minutes()
        state = {
            "cma": self._search.state(),
            "tried": self._fitness.state(),
            "tally": asdict(self.tally),
            "about": self._about,
        }
        self._run.save("last", state)

    def result(self) -> EvolveResult:
        """What it has come to."""
        tally = self.tally
        return EvolveResult(
            self.generation,
            tally.env_steps,
            tally.dream_steps,
            tally.best,
            tally.world_score,
            tally.world_sd,
        )

    def _seeds(self) -> list[list[int]]:
        """Those of each group's rollouts in the coming generation."""
        groups, rollouts = self._config.groups, round(self.tally.rollouts)
        generation = self.tally.earlier + self.generation
        drawn = derive_many(self._run.seed, "train", groups * rollouts, generation)
        return [drawn[i : i + rollouts] for i in range(0, len(drawn), rollouts)]

    def _minutes(self) -> float:
        return (time.time() - self._began) / 60


def _metrics(trial: Trial, search: CMA, tally: Tally, seconds: float) -> dict[str, float]:
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
