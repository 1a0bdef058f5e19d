"""What a worker does while episodes are collected: it plays some and stores them whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from worldmodel.data.episodes import EpisodeStore
from worldmodel.envs.make import EnvConfig
from worldmodel.envs.vector import make_vector
from worldmodel.rollout.actor import Actor, Explore, MixedActor
from worldmodel.rollout.play import Limits, play
from worldmodel.rollout.real import PlayerConfig, build_agent
from worldmodel.rollout.recording import EpisodeRecording
from worldmodel.types import EnvSpec


@dataclass(frozen=True)
class DriverConfig:
    """An agent that plays in the explorer's place; picklable. See `MixedActor` for the numbers."""

    player: PlayerConfig
    noise: float
    explorer_share: float
    explorer_stretch: float


@dataclass(frozen=True)
class CollectorConfig:
    """All that a worker needs to collect; picklable.

    Attributes:
        env: the environment.
        spec: of that environment.
        store: folder of an `EpisodeStore` that is there already.
        vector: fast, envpool or gymnasium.
        threads: of EnvPool.
        max_steps: env steps after which an episode is cut short; None: the environment's limit.
        driver: who plays; None: the environment's explorer.
    """

    env: EnvConfig
    spec: EnvSpec
    store: Path
    vector: str
    threads: int
    max_steps: int | None
    driver: DriverConfig | None

    @property
    def longest(self) -> int:
        """Env steps of an episode at most."""
        limit = self.spec.max_episode_steps
        return min(limit, self.max_steps or limit)


@dataclass(frozen=True)
class CollectJob:
    """Episodes (index, seed) that are stepped together, and the indices of those to keep.

    The others are there already. They are played along for an agent's sake: the last bits of what V
    and M compute depend on what else is in their batch.
    """

    episodes: tuple[tuple[int, int], ...]
    keep: frozenset[int]


def make_collector(config: CollectorConfig) -> Callable[[CollectJob], list[tuple[int, float]]]:
    """Build the environments once; a job then returns (steps, return) of each episode kept."""
    env = make_vector(config.env, config.spec, config.vector, config.threads)
    store, limits = EpisodeStore.open(config.store), Limits(max_steps=config.longest)
    steps = -(-config.longest // config.spec.frame_skip)
    actor = _make_actor(config, steps)

    def run(job: CollectJob) -> list[tuple[int, float]]:
        seeds = [seed for _, seed in job.episodes]
        recording, results = EpisodeRecording(config.spec, steps), []
        play(actor, env, seeds, limits, recording)
        for (index, _), episode in zip(job.episodes, recording.episodes(seeds), strict=True):
            if index not in job.keep:
                continue
            store.write(index, episode)
            results.append((len(episode), float(episode.reward.sum())))
        return results

    return run


def _make_actor(config: CollectorConfig, steps: int) -> Actor:
    explore, driver = Explore(config.env.needs_explorer(), config.spec, steps), config.driver
    if driver is None:
        return explore
    turns = driver.noise, driver.explorer_share, driver.explorer_stretch
    return MixedActor(build_agent(driver.player), explore, *turns)
