"""The generations: ask, try in a world, tell, and now and then measure the mean for real."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from worldmodel import checkpoint
from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.evolve.noise import Reliability, next_rollouts
from worldmodel.seed import derive_many
from worldmodel.types import FloatArray, World


@dataclass(frozen=True)
class EvolveConfig:
    """Numbers of one evolution.

    `rollouts` episodes per candidate, the same for all candidates of a generation (common random
    numbers); with `max_rollouts` they grow up to that many, as soon as less than `reliability` of
    the variance between the candidates' means is theirs and the rest is noise, and shrink again
    where they can. Every `selection_every` generations the mean plays `selection_episodes` episodes
    of its own. `max_minutes` stops earlier (null: never).
    """

    cma: CMAConfig
    generations: int
    rollouts: int
    max_rollouts: int | None
    reliability: float
    selection_every: int
    selection_episodes: int
    max_minutes: float | None

    def __post_init__(self) -> None:
        for key in ("generations", "rollouts", "selection_every", "selection_episodes"):
            if getattr(self, key) < 1:
                raise ValueError(f"evolve.{key} is {getattr(self, key)}: it must be at least 1")
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


def evolve(
    config: EvolveConfig,
    n_params: int,
    world: World,
    selection: World,
    run: Any,
    about: Any,
    start: FloatArray | None = None,
) -> EvolveResult:
    """Evolve a controller of `n_params` in `world`; keep the mean that scores best in `selection`.

    The search begins around `start` (n_params,), or around zeros.

    Writes checkpoints/last.pt (the exact search) every generation and checkpoints/best.pt (the
    mean with the best selection score, which is what gets deployed).
    """
    path = run.checkpoint()
    saved = checkpoint.load(path) if path.exists() else None
    if saved:
        search = CMA.restore(saved["cma"], path)
        run.say(f"resuming at generation {search.generation} of {config.generations}")
    else:
        search = CMA(config.cma, n_params, derive_many(run.seed, "evolve", 1)[0], start)
    dreaming = world is not selection
    env_steps, dream_steps = (saved["env_steps"], saved["dream_steps"]) if saved else (0, 0)
    rollouts = saved["rollouts"] if saved else float(config.rollouts)
    best = saved["best"] if saved else -np.inf
    best_inside = tuple(saved["best_inside"]) if saved else (-math.inf, math.nan)
    spent = saved["minutes"] if saved else 0.0
    chosen = derive_many(run.seed, "selection", config.selection_episodes)
    log = run.log(resume_step=search.generation)
    began = time.time()

    def minutes() -> float:
        return spent + (time.time() - began) / 60

    def finished() -> bool:
        out_of_time = config.max_minutes is not None and minutes() >= config.max_minutes
        return search.generation >= config.generations or out_of_time

    with run.progress(config.generations, "generations", start=search.generation) as bar:
        while not finished():
            since = time.time()
            seeds = derive_many(run.seed, "train", round(rollouts), search.generation)
            returns, lengths = world.evaluate(search.ask(), seeds, training=True)
            fitness = returns.mean(1)
            search.tell(fitness)
            played = int(lengths.sum())
            env_steps += 0 if dreaming else played
            dream_steps += played if dreaming else 0
            counts = {
                "env_steps": env_steps,
                "dream_steps": dream_steps,
                "steps_per_second": played / (time.time() - since),
                "minutes": minutes(),
            }
            log.scalars(search.generation, _numbers(returns, lengths, search) | counts)
            if config.max_rollouts is not None:
                limits = config.rollouts, config.max_rollouts
                rollouts = next_rollouts(rollouts, returns, config.reliability, *limits)
            if search.generation % config.selection_every == 0 or finished():
                score, steps = _select(search.mean, chosen, selection, log, search.generation)
                env_steps += steps
                inside = None
                if dreaming:
                    inside, steps = _score(search.mean, chosen, world)
                    dream_steps += steps
                    names = ("dream/mean", "dream/sd")
                    log.scalars(search.generation, dict(zip(names, inside, strict=True)))
                if score > best:
                    best, best_inside = score, inside or (score, math.nan)
                    checkpoint.save(
                        run.checkpoint("best"),
                        {
                            "about": about,
                            "params": torch.from_numpy(search.mean),
                            "generation": search.generation,
                            "selection_score": score,
                            "world_score": best_inside[0],
                            "world_sd": best_inside[1],
                            "env_steps": env_steps,
                            "dream_steps": dream_steps,
                        },
                    )
            checkpoint.save(
                path,
                {
                    "cma": search.state(),
                    "env_steps": env_steps,
                    "dream_steps": dream_steps,
                    "rollouts": rollouts,
                    "best": best,
                    "best_inside": list(best_inside),
                    "minutes": minutes(),
                },
            )
            bar.update(
                search.generation,
                f"mean {fitness.mean():.0f} best {fitness.max():.0f} · selected {best:.0f}",
            )
    return EvolveResult(search.generation, env_steps, dream_steps, float(best), *best_inside)


def _select(
    mean: FloatArray, seeds: list[int], selection: World, log: Any, generation: int
) -> tuple[float, int]:
    returns, lengths = selection.evaluate(mean[None], seeds, training=False)
    log.scalars(
        generation,
        {"selection/mean": float(returns.mean()), "selection/sd": float(returns.std())},
    )
    return float(returns.mean()), int(lengths.sum())


def _score(mean: FloatArray, seeds: list[int], world: World) -> tuple[tuple[float, float], int]:
    returns, lengths = world.evaluate(mean[None], seeds, training=True)
    return (float(returns.mean()), float(returns.std())), int(lengths.sum())


def _numbers(returns: FloatArray, lengths: Any, search: CMA) -> dict[str, float]:
    fitness, rollouts = returns.mean(1), returns.shape[1]
    told = {"rollouts": float(rollouts)}
    if rollouts > 1:
        told["fitness/reliability"] = Reliability.of(returns).at(rollouts)
    return told | {
        "fitness/mean": float(fitness.mean()),
        "fitness/best": float(fitness.max()),
        "fitness/sd": float(fitness.std()),
        "length": float(lengths.mean()),
        "cma/sigma": search.sigma,
        "cma/mean_norm": float(np.linalg.norm(search.mean)),
    }
