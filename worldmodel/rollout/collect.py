"""Collect episodes with an explorer: jobs that write whole episodes into the store."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.data.episodes import EpisodeStore
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import choose_backend, make_vector
from worldmodel.machine import commit
from worldmodel.rollout.real import BackendConfig, make_backend
from worldmodel.seed import derive_many
from worldmodel.types import EnvSpec, Episode, VectorEnv


@dataclass(frozen=True)
class CollectConfig:
    """What to collect.

    `episodes` in all; `envs` stepped together; `max_steps` env steps after which an episode is
    truncated on top of the environment's own limit (null: none); `compression` is zstd's level.
    """

    episodes: int
    envs: int
    max_steps: int | None
    compression: int

    def __post_init__(self) -> None:
        for key in ("episodes", "envs"):
            if getattr(self, key) < 1:
                raise ValueError(f"collect.{key} is {getattr(self, key)}: it must be at least 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(
                f"collect.max_steps is {self.max_steps}: it must be at least 1 or null"
            )


@dataclass(frozen=True)
class CollectorConfig:
    """All that a worker needs to collect; picklable."""

    env: EnvConfig
    spec: EnvSpec
    store: Path
    vector: str
    threads: int
    max_steps: int | None


@dataclass(frozen=True)
class CollectJob:
    """Episodes (index, seed) that are stepped together."""

    episodes: tuple[tuple[int, int], ...]


def make_collector(config: CollectorConfig) -> Callable[[CollectJob], list[tuple[int, float]]]:
    """Build the environments once; a job then returns (steps, return) of each of its episodes."""
    env = make_vector(config.env, config.spec, config.vector, config.threads)
    store = EpisodeStore.open(config.store)

    def run(job: CollectJob) -> list[tuple[int, float]]:
        told = []
        seeds = [seed for _, seed in job.episodes]
        plans = np.stack([_plan(config, seed) for seed in seeds])
        for row, episode in record(env, plans, seeds):
            store.write(job.episodes[row][0], episode)
            told.append((len(episode), float(episode.reward.sum())))
        return told

    return run


def _plan(config: CollectorConfig, seed: int) -> np.ndarray:
    most = min(config.spec.max_episode_steps, config.max_steps or config.spec.max_episode_steps)
    steps = -(-most // config.spec.frame_skip)
    return config.env.explorer(config.spec, seed, steps)


def record(env: VectorEnv, plans: np.ndarray, seeds: Sequence[int]) -> list[tuple[int, Episode]]:
    """Play the planned actions (N, steps, action_dim) and keep every transition.

    No auto-reset row ever enters an episode: a rollout that ends leaves the batch. One that
    outlasts its plan is truncated there.
    """
    count, steps = plans.shape[:2]
    obs = env.reset(seeds)
    frames = np.empty((count, steps + 1, *obs.shape[1:]), np.uint8)
    reward = np.zeros((count, steps), np.float32)
    terminated = np.zeros((count, steps), bool)
    truncated = np.zeros((count, steps), bool)
    frames[:, 0] = obs
    live = np.arange(count)
    lengths = np.zeros(count, np.int64)
    for step in range(steps):
        obs, gained, ended, cut = env.step(plans[live, step], live)
        frames[live, step + 1] = obs
        reward[live, step], terminated[live, step], truncated[live, step] = gained, ended, cut
        lengths[live] += 1
        live = live[~(ended | cut)]
        if not live.size:
            break
    truncated[live, steps - 1] = True  # the plan was at its end before the episode was
    return [
        (
            row,
            Episode(
                obs=frames[row, : length + 1],
                action=plans[row, :length],
                reward=reward[row, :length],
                terminated=terminated[row, :length],
                truncated=truncated[row, :length],
                seed=seeds[row],
            ),
        )
        for row, length in enumerate(lengths.tolist())
    ]


def collect(
    env: EnvConfig, backend: BackendConfig, config: CollectConfig, run: Any
) -> dict[str, float]:
    """Play the env's explorer until the store holds `config.episodes` whole episodes.

    What an earlier, interrupted call left is kept; only missing episodes are played.
    """
    spec = make_spec(env)
    about = {"spec": spec.to_dict(), "purpose": "collect", "experiment_seed": run.seed}
    folder = run.folder / "episodes"
    metadata = about | {"versions": versions(), "commit": commit()}
    store = EpisodeStore.create(folder, metadata, config.compression)
    seeds = derive_many(run.seed, "collect", config.episodes)
    have = set(store.indices())
    left = [(index, seeds[index]) for index in range(config.episodes) if index not in have]
    vector = choose_backend(env, backend.vector, run.say)
    width = config.envs if vector == "envpool" else min(config.envs, backend.envs_per_worker)
    jobs = [CollectJob(tuple(left[i : i + width])) for i in range(0, len(left), width)]
    worker = CollectorConfig(env, spec, folder, vector, backend.threads, config.max_steps)
    pool = make_backend(backend, vector)
    log = run.log(resume_step=len(have))
    start, steps, done = time.time(), 0, len(have)
    try:
        with run.progress(config.episodes, "episodes", start=done) as bar:
            for _, told in pool.map(partial(make_collector, worker), jobs):
                for length, score in told:
                    done, steps = done + 1, steps + length
                    log.scalars(done, {"return": score, "length": length * spec.frame_skip})
                rate = steps * spec.frame_skip / (time.time() - start)
                bar.update(done, f"{rate:.0f} env steps/s")
    finally:
        pool.close()
    lengths = store.lengths()
    frames = sum(lengths.values()) + len(lengths)
    figures: dict[str, float] = {"episodes": len(lengths), "frames": frames}
    returns = [store.read_reward(index).sum() for index in lengths]
    figures |= {"return_mean": float(np.mean(returns)), "return_sd": float(np.std(returns))}
    if steps:
        figures["env_steps_per_second"] = steps * spec.frame_skip / (time.time() - start)
    return figures


def versions() -> dict[str, str]:
    """Versions of what decides the data."""
    names = ("worldmodel", "gymnasium", "numpy", "torch", "envpool", "opencv-python-headless")
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
