"""What random actions score on the test episodes: the least that an agent has to beat."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from worldmodel.envs.explore import WhiteNoise
from worldmodel.envs.vector import make_vector
from worldmodel.rollout.actor import Explore
from worldmodel.rollout.play import play
from worldmodel.rollout.real import PlayerConfig
from worldmodel.types import Backend, FloatArray


def make_random_player(config: PlayerConfig) -> Callable[[tuple[int, ...]], FloatArray]:
    """Build the environments once; a job then returns the score of each of its seeds."""
    env = make_vector(config.env, config.spec, config.vector, config.threads)
    steps = -(-config.spec.max_episode_steps // config.spec.frame_skip)
    actor = Explore(WhiteNoise(), config.spec, steps)

    def run(seeds: tuple[int, ...]) -> FloatArray:
        return play(actor, env, seeds).returns

    return run


def random_scores(
    config: PlayerConfig, seeds: Sequence[int], backend: Backend, per_job: int
) -> FloatArray:
    """Scores (N,) of uniform random actions, one for each agent step, on N seeds."""
    jobs = [tuple(seeds[i : i + per_job]) for i in range(0, len(seeds), per_job)]
    scores = dict(backend.map(partial(make_random_player, config), jobs))
    return np.concatenate([scores[index] for index in range(len(jobs))])
