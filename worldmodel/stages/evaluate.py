"""The evaluate stage: held-out episodes in the official environment, a summary, and films."""

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.agent.policy import check_spec, load_policy, models_of
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import choose_backend
from worldmodel.report.scatter import dream_and_reality
from worldmodel.report.tables import short
from worldmodel.rollout.by_chance import random_scores
from worldmodel.rollout.evaluate import (
    Played,
    pick,
    play_episodes,
    read_action,
    recorded_episodes,
    summary,
)
from worldmodel.rollout.real import BackendConfig, PlayerConfig, make_backend
from worldmodel.rollout.video import VideoJob, make_filmer
from worldmodel.run import checkpoint
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.log import Row, read_metrics
from worldmodel.run.run import Run
from worldmodel.seed import derive_many
from worldmodel.stages.worlds import Worlds
from worldmodel.stats import mean_sd
from worldmodel.types import Backend, UserError


@dataclass(frozen=True)
class EvaluateConfig:
    """`episodes` to play; `checkpoint` of the controller (null: the one that was selected).

    `skip` leaves out so many of the test episodes (null: none): whoever has looked at the first
    hundred scores for long, and chosen by them, measures on the ones after.

    `vector` is gymnasium, or fast for the environment's faster version, with `fast_kwargs` over
    those of the environment.

    On `random_episodes` of the test episodes (null: none) random actions are scored as well, one
    for each agent step.

    `videos` of the best, the median and the worst episode show M dreaming `horizon` agent steps
    at a time; their filmstrips show it `context` frames first.
    """

    episodes: int
    vector: str
    fast_kwargs: dict[str, Any]
    checkpoint: str | None
    skip: int | None
    videos: bool
    context: int
    horizon: int
    random_episodes: int | None = None

    def __post_init__(self) -> None:
        for key in ("episodes", "context", "horizon"):
            if getattr(self, key) < 1:
                raise ValueError(f"evaluate.{key} is {getattr(self, key)}: it must be at least 1")
        if self.random_episodes is not None and not 1 <= self.random_episodes <= self.episodes:
            raise ValueError(
                f"evaluate.random_episodes is {self.random_episodes}: use 1 to evaluate.episodes, "
                f"which is {self.episodes}, or null"
            )
        if self.skip is not None and self.skip < 0:
            raise ValueError(f"evaluate.skip is {self.skip}: it can't be negative; null is allowed")
        if self.vector not in ("gymnasium", "fast"):
            raise ValueError(f"evaluate.vector is {self.vector}: use gymnasium or fast")


def evaluate(
    config: EvaluateConfig, env: EnvConfig, backend: BackendConfig, run: Run
) -> tuple[dict[str, float], list[str]]:
    """Play held-out test episodes with a controller, in gymnasium itself unless asked otherwise.

    Writes episodes.jsonl and summary.json, and for the best, the median and the worst episode an
    mp4 and a filmstrip.

    Returns:
        Figures of the scores, and names of the films that could not be made.

    Raises:
        UserError: if the controller was evolved for another environment, action repeat, V or M.
    """
    selected = checkpoint_path(run.of("train_controller"))
    path = Path(config.checkpoint) if config.checkpoint else selected
    policy = check_spec(load_policy(path), make_spec(env), path)
    env = replace(env, fast_kwargs=env.fast_kwargs | config.fast_kwargs)
    worlds = Worlds(env, policy.spec, backend, run)
    if config.checkpoint is not None:  # else it is that of this run, and the run has checked
        _check_models(models_of(path), worlds, path)
    player = worlds.player(policy, choose_backend(env, config.vector, run.say, "evaluate.vector"))
    player = replace(player, precision="fp32")
    per_job = min(backend.envs_per_worker, max(1, config.episodes // 8))
    skip = config.skip or 0
    seeds = derive_many(run.seed, "test", skip + config.episodes)[skip:]
    recorded = recorded_episodes(run.folder)
    rows = [_row(step, record["score"], record["steps"]) for step, record in enumerate(recorded, 1)]
    scores = [record["score"] for record in recorded]
    log = run.log(len(scores), rows)
    if len(scores) < config.episodes:
        run.begin()
    pool = make_backend(backend, player.vector)
    try:
        with run.progress(config.episodes, "episodes", start=len(scores)) as bar:

            def on_episode(played: Played) -> None:
                scores.append(played.score)
                log.scalars(len(scores), {"score": played.score, "steps": played.steps})
                bar.advance(note=f"mean {short(float(np.mean(scores)))}")

            records = play_episodes(player, seeds, pool, per_job, run.folder, on_episode)
        figures = summary(records)
        if config.random_episodes is not None:
            chance = random_scores(player, seeds[: config.random_episodes], pool, per_job)
            figures["random_mean"], figures["random_sd"] = mean_sd(chance)
            figures["random_episodes"] = len(chance)
        checkpoint.save_json(run.folder / "summary.json", figures | {"checkpoint": str(path)})
        missing = _film(records, player, pool, run, config) if config.videos else []
        _compare_with_dream(run, len(records))
    finally:
        pool.close()
    return figures, missing


def _row(step: int, score: float, steps: int) -> Row:
    return {"step": step, "score": score, "steps": steps}


def _check_models(models: dict[str, Path], worlds: Worlds, path: Path) -> None:
    """Refuse a controller on a V or M that is not its own, where its own can still be found."""
    for model, now in worlds.models.items():
        its = models[model]
        if its.exists() and not (now.exists() and its.samefile(now)):
            raise UserError(
                f"{path} was evolved on {its}, this call plays it on {now}: give the name=… of its "
                "own run, or an upstream=… that has the same."
            )


def _film(
    records: list[dict[str, Any]],
    player: PlayerConfig,
    pool: Backend,
    run: Run,
    config: EvaluateConfig,
) -> list[str]:
    """Film some of the episodes; the names of films that could not be made."""
    jobs = {
        name: VideoJob(
            seed=record["seed"],
            action=read_action(run.folder, record["seed"]),
            score=record["score"],
            path=run.folder / f"{name}.mp4",
            context=config.context,
            horizon=config.horizon,
        )
        for name, record in pick(records).items()
    }
    missing = []
    with run.progress(len(jobs), "videos") as bar:
        for index, filmed in pool.map(partial(make_filmer, player), list(jobs.values())):
            name, job = list(jobs.items())[index]
            if isinstance(filmed, str):
                missing.append(job.path.name)
                run.say(f"{job.path.name} is missing: {filmed}")
                continue
            run.log().image(len(records), f"film/{name}", filmed.stills)
            run.log().image(len(records), f"filmstrip/{name}", filmed.strip)
            if not math.isclose(filmed.score, job.score, abs_tol=0.05):  # sums of float32
                run.say(
                    f"{name}.mp4 shows {filmed.score:.1f} where the episode scored "
                    f"{job.score:.1f}: this environment does not replay exactly from its seed"
                )
            bar.advance(note=name)
    return missing


def _compare_with_dream(run: Run, step: int) -> None:
    """Draw what the search's selections got in the dream and in reality, where it had both."""
    metrics = read_metrics(run.of("train_controller"))
    both = [
        (line["dream/mean"], line["selection/mean"]) for line in metrics if "dream/mean" in line
    ]
    if len(both) > 1:
        picture = dream_and_reality(np.array(both), "selections", "equality")
        run.log().image(step, "dream_and_reality", picture)
