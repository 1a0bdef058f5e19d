"""Score a controller in the official environment, episode by episode, with replays."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.rollout.actor import Candidates
from worldmodel.rollout.play import play
from worldmodel.rollout.real import PlayerConfig, build_player
from worldmodel.rollout.recording import ActionRecording
from worldmodel.run.json_file import damaged
from worldmodel.run.jsonl import RecordFile, read_records
from worldmodel.stats import mean_sd
from worldmodel.types import Backend, FloatArray, UserError

RECORD = ("seed", "score", "steps", "finished")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Played:
    """One episode of an evaluation, `finished` as in `Outcome`.

    `action` (T, action_dim) lets it be replayed exactly.
    """

    seed: int
    score: float
    steps: int
    finished: bool
    action: FloatArray


def make_evaluator(config: PlayerConfig) -> Callable[[tuple[int, ...]], list[Played]]:
    """Build the player once; a job then plays one episode for each of its seeds."""
    agent, env = build_player(config)

    def run(seeds: tuple[int, ...]) -> list[Played]:
        recording = ActionRecording()
        candidates = Candidates(agent, agent.policy.params[None])
        outcome = play(candidates, env, seeds, recording=recording)
        return [
            Played(seed, float(score), int(steps), bool(finished), action)
            for seed, score, steps, finished, action in zip(
                seeds, *outcome, recording.actions(), strict=True
            )
        ]

    return run


def play_episodes(
    config: PlayerConfig,
    seeds: Sequence[int],
    backend: Backend,
    per_job: int,
    folder: Path,
    on_episode: Callable[[Played], None],
) -> list[dict[str, Any]]:
    """Play one episode per seed, `per_job` at a time; what `folder` holds already stays.

    Writes a line of episodes.jsonl and the actions for every episode as soon as it is over.

    Returns:
        One record {seed, score, steps, finished} per seed, in the order of `seeds`.
    """
    (folder / "actions").mkdir(parents=True, exist_ok=True)
    records = {record["seed"]: record for record in recorded_episodes(folder)}
    if config.spec.finished is None:  # older runs wrote it for every environment
        records = {seed: record | {"finished": False} for seed, record in records.items()}
    jobs = [tuple(seeds[i : i + per_job]) for i in range(0, len(seeds), per_job)]
    # A job that is half done is played whole again: the last bits of what V and M compute depend
    # on what else is in their batch.
    jobs = [job for job in jobs if not records.keys() >= set(job)]
    with RecordFile(folder / "episodes.jsonl", records.values()) as file:
        for _, episodes in backend.map(partial(make_evaluator, config), jobs):
            for played in episodes:
                if played.seed in records:
                    continue
                np.save(folder / "actions" / f"{played.seed}.npy", played.action)
                record = {key: getattr(played, key) for key in RECORD}
                records[played.seed] = record
                file.append(record)
                on_episode(played)
    return [records[seed] for seed in seeds]


def summary(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Mean, standard deviation, extremes and quantiles of the scores, and mean env steps.

    Where episodes were finished: their share, and their mean env steps (of a lap, say).
    """
    scores = np.array([record["score"] for record in records])
    laps = [record["steps"] for record in records if record.get("finished")]
    finished, (mean, sd) = len(laps) / len(scores), mean_sd(scores)
    return {
        "episodes": len(scores),
        "mean": mean,
        "sd": sd,
        "min": float(scores.min()),
        "max": float(scores.max()),
        "steps": float(np.mean([record["steps"] for record in records])),
        **({"finished": finished, "finished_steps": float(np.mean(laps))} if laps else {}),
        **{f"q{round(100 * q)}": float(np.quantile(scores, q)) for q in QUANTILES},
    }


def pick(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The best, the median and the worst episode."""
    ranked = sorted(records, key=lambda record: record["score"])
    return {"best": ranked[-1], "median": ranked[len(ranked) // 2], "worst": ranked[0]}


def read_action(folder: Path, seed: int) -> FloatArray:
    """The actions (T, action_dim) of an episode that was played.

    Raises:
        UserError: if they are missing or damaged.
    """
    path = folder / "actions" / f"{seed}.npy"
    try:
        action: FloatArray = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    if action.ndim != 2:
        raise damaged(path, f"it holds an array {action.shape}")
    return action


def recorded_episodes(folder: Path) -> list[dict[str, Any]]:
    """Those of `read_episodes` that are whole: an episode without its actions is played again."""
    whole = []
    for record in read_episodes(folder):
        with suppress(UserError):
            if (
                record.keys() >= {"seed", "score", "steps"}
                and read_action(folder, record["seed"]).size
            ):
                whole.append(record)
    return whole


def read_episodes(folder: Path) -> list[dict[str, Any]]:
    """The records in a folder's episodes.jsonl, in the order in which the episodes ended."""
    return read_records(folder / "episodes.jsonl")
