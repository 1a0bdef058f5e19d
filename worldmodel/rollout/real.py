"""RealWorld: candidates tried in the real environment, over EnvPool or supervised processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.envs.make import EnvConfig
from worldmodel.envs.vector import make_vector
from worldmodel.parallel import ProcessBackend, SerialBackend
from worldmodel.rollout.actor import Candidates
from worldmodel.rollout.play import Limits, play
from worldmodel.run.hardware import cores, multiplies_bf16
from worldmodel.types import Backend, EnvSpec, FloatArray, IntArray, VectorEnv, World


@dataclass(frozen=True)
class BackendConfig:
    """`vector`: auto, fast, envpool or gymnasium; `threads` of EnvPool, `workers` of the others.

    0 threads and -1 workers are one per core; 0 workers run everything in this process. A worker
    steps `envs_per_worker` environments at a time, with one batched pass of V, M and C.
    `precision` is that of V's convolutions while it plays: fp32, bf16, or auto, which is bf16 where
    the processor has instructions for it. Evaluation is always in fp32.
    """

    vector: str
    threads: int
    workers: int
    envs_per_worker: int
    precision: str = "fp32"  # as before there was a choice

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f"backend.precision is {self.precision!r}: use auto, fp32 or bf16")
        for key, least in (("threads", 0), ("workers", -1), ("envs_per_worker", 1)):
            if getattr(self, key) < least:
                raise ValueError(
                    f"backend.{key} is {getattr(self, key)}: it must be at least {least}"
                )

    @property
    def chosen_precision(self) -> str:
        """What `precision` is on this machine: fp32 or bf16."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if multiplies_bf16() else "fp32"


def make_backend(config: BackendConfig, vector: str) -> Backend:
    """Who runs jobs: EnvPool has threads of its own, gymnasium needs processes."""
    if vector == "envpool" or config.workers == 0:
        return SerialBackend()
    return ProcessBackend(config.workers if config.workers > 0 else cores())


@dataclass(frozen=True)
class RealConfig:
    """What ends a training rollout early, in env steps; null: nothing.

    `no_reward_steps` without reward, or `max_steps` in all, which grow by `max_steps_growth` in
    every generation. Selection and evaluation play to the end.
    """

    no_reward_steps: int | None
    max_steps: int | None
    max_steps_growth: float

    def __post_init__(self) -> None:
        for key in ("no_reward_steps", "max_steps"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key} is {value}: it must be at least 1 or null")
        if self.max_steps_growth < 0:
            raise ValueError(f"max_steps_growth is {self.max_steps_growth}: it can't be negative")

    def limits(self, generation: int | None) -> Limits:
        """What holds in one generation; None: nothing."""
        if generation is None:
            return Limits()
        grown = self.max_steps
        if grown is not None:
            grown = round(grown + self.max_steps_growth * generation)
        return Limits(self.no_reward_steps, grown)


@dataclass(frozen=True)
class PlayerConfig:
    """All that a worker needs to play; picklable.

    Attributes:
        env: the environment.
        policy: C; its spec is that of `env`.
        vae: checkpoint of V.
        mdnrnn: checkpoint of M.
        vector: fast, envpool or gymnasium.
        threads: of EnvPool.
        precision: in which V encodes: fp32 or bf16.
    """

    env: EnvConfig
    policy: Policy
    vae: Path
    mdnrnn: Path
    vector: str
    threads: int
    precision: str = "fp32"

    @property
    def spec(self) -> EnvSpec:
        """What the models need to know of the environment."""
        return self.policy.spec


@dataclass(frozen=True)
class Job:
    """Some candidates (P, n) on all seeds."""

    params: FloatArray
    seeds: tuple[int, ...]
    limits: Limits


def build_agent(config: PlayerConfig) -> Agent:
    """V, M and C."""
    return Agent.from_files(config.vae, config.mdnrnn, config.policy, config.precision)


def build_player(config: PlayerConfig) -> tuple[Agent, VectorEnv]:
    """The agent and the environments that a player needs."""
    env = make_vector(config.env, config.spec, config.vector, config.threads)
    return build_agent(config), env


def make_player(config: PlayerConfig) -> Callable[[Job], tuple[FloatArray, IntArray]]:
    """Build models and environments once; the player then plays any number of jobs."""
    agent, env = build_player(config)

    def run(job: Job) -> tuple[FloatArray, IntArray]:
        shape = len(job.params), len(job.seeds)
        seeds = list(job.seeds) * len(job.params)
        outcome = play(Candidates(agent, job.params), env, seeds, job.limits)
        return outcome.returns.reshape(shape), outcome.lengths.reshape(shape)

    return run


class RealWorld(World):
    """The real environment as a `World`.

    With EnvPool every rollout of a generation is one batch; with gymnasium, candidates are dealt
    out to worker processes in jobs whose size does not depend on the number of workers, so the
    numbers do not either.

    Args:
        player: what plays.
        backend: on what.
        config: the early end of training rollouts; None: none.
    """

    def __init__(
        self, player: PlayerConfig, backend: BackendConfig, config: RealConfig | None
    ) -> None:
        self._config = config
        self._make = partial(make_player, player)
        self._per_job = None if player.vector == "envpool" else backend.envs_per_worker
        self._backend = make_backend(backend, player.vector)

    def evaluate(
        self, params: FloatArray, seeds: Sequence[int], *, generation: int | None
    ) -> tuple[FloatArray, IntArray]:
        """Returns and lengths in env steps (P, R); the early cut of that generation, None: none."""
        return self.evaluate_groups([(params, seeds)], generation=generation)[0]

    def evaluate_groups(
        self, groups: Sequence[tuple[FloatArray, Sequence[int]]], *, generation: int | None
    ) -> list[tuple[FloatArray, IntArray]]:
        """`evaluate` of all groups at once: no worker waits between them."""
        limits = Limits() if self._config is None else self._config.limits(generation)
        jobs: list[Job] = []
        places: list[tuple[int, tuple[slice, slice]]] = []
        results: list[tuple[FloatArray, IntArray]] = []
        for group, (params, seeds) in enumerate(groups):
            shape = len(params), len(seeds)
            results.append((np.zeros(shape, np.float32), np.zeros(shape, np.int64)))
            for rows, columns in self._split(*shape):
                jobs.append(Job(params[rows], tuple(seeds[columns]), limits))
                places.append((group, (rows, columns)))
        for index, (returns, lengths) in self._backend.map(self._make, jobs):
            group, block = places[index]
            results[group][0][block], results[group][1][block] = returns, lengths
        return results

    def _split(self, candidates: int, rollouts: int) -> list[tuple[slice, slice]]:
        """Blocks of at most `envs_per_worker` rollouts."""
        if self._per_job is None:
            return [(slice(0, candidates), slice(0, rollouts))]
        width = min(rollouts, self._per_job)
        height = max(1, self._per_job // width)
        return [
            (slice(p, min(p + height, candidates)), slice(r, min(r + width, rollouts)))
            for p in range(0, candidates, height)
            for r in range(0, rollouts, width)
        ]

    def close(self) -> None:
        """Stop the workers."""
        self._backend.close()
