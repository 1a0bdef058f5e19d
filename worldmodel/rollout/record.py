"""Record whole episodes: an actor in a vector of real environments, every transition kept."""

from collections.abc import Sequence

import numpy as np

from worldmodel.rollout.actor import Actor
from worldmodel.types import Episode, VectorEnv


def record(env: VectorEnv, actor: Actor, seeds: Sequence[int]) -> list[tuple[int, Episode]]:
    """Let the actor play one episode per seed and keep every transition.

    No auto-reset row ever enters an episode: a rollout that ends leaves the batch. One that
    outlasts `actor.steps` is truncated there.
    """
    count, steps = len(seeds), actor.steps
    obs = env.reset(seeds)
    actor.begin(seeds)
    frames = np.empty((count, steps + 1, *obs.shape[1:]), np.uint8)
    taken = np.zeros((count, steps, env.spec.action_dim), np.float32)
    reward = np.zeros((count, steps), np.float32)
    terminated = np.zeros((count, steps), bool)
    truncated = np.zeros((count, steps), bool)
    frames[:, 0] = obs
    live = np.arange(count)
    lengths = np.zeros(count, np.int64)
    for step in range(steps):
        action = actor.act(step, obs, live)
        obs, gained, ended, cut = env.step(action, live)
        frames[live, step + 1], taken[live, step] = obs, action
        reward[live, step], terminated[live, step], truncated[live, step] = gained, ended, cut
        lengths[live] += 1
        going = ~(ended | cut)
        live, obs = live[going], obs[going]
        if not live.size:
            break
    truncated[live, steps - 1] = True  # the actor stopped before the episode did
    return [
        (
            row,
            Episode(
                obs=frames[row, : length + 1],
                action=taken[row, :length],
                reward=reward[row, :length],
                terminated=terminated[row, :length],
                truncated=truncated[row, :length],
                seed=seeds[row],
            ),
        )
        for row, length in enumerate(lengths.tolist())
    ]
