"""Play whole episodes: agents in a vector of real environments."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from worldmodel.agent.agent import Agent
from worldmodel.types import BoolArray, FloatArray, Frames, IntArray, VectorEnv

OnStep = Callable[[IntArray, Frames, FloatArray], None]


class Outcome(NamedTuple):
    """What P candidates came to on R seeds, each (P, R).

    `lengths` are in env steps, as if the last action had been repeated in full. A rollout is
    `finished` if the environment terminated it and paid for its last step: a lap driven to its
    end, say, and no crash.
    """

    returns: FloatArray
    lengths: IntArray
    finished: BoolArray


def play(
    agent: Agent,
    env: VectorEnv,
    params: FloatArray,
    seeds: Sequence[int],
    no_reward_steps: int | None = None,
    max_steps: int | None = None,
    on_step: OnStep | None = None,
) -> Outcome:
    """Play candidates (P, n) on the same seeds (R,).

    All P·R rollouts go on together; one that ends leaves the batch.

    Args:
        agent: plays.
        env: where.
        params: one parameter vector per candidate.
        seeds: one episode each, the same for every candidate (common random numbers).
        no_reward_steps: cut a rollout after so many env steps without reward (training only).
        max_steps: cut it after so many env steps in all (training only).
        on_step: called at every step as (ids, obs, action) of the live rollouts.
    """
    count = len(params) * len(seeds)
    skip = env.spec.frame_skip
    patience, cap = (
        math.inf if steps is None else math.ceil(steps / skip)
        for steps in (no_reward_steps, max_steps)
    )
    obs = env.reset(list(seeds) * len(params))
    agent.reset(params, len(seeds), seeds)
    returns = np.zeros(count, np.float32)
    lengths = np.zeros(count, np.int64)
    idle = np.zeros(count, np.int64)
    finished = np.zeros(count, bool)
    live = np.arange(count)
    while live.size:
        action = agent.act(obs, live)
        if on_step is not None:
            on_step(live, obs, action)
        obs, reward, terminated, truncated = env.step(action, live)
        returns[live] += reward
        lengths[live] += 1
        idle[live] = np.where(reward > 0, 0, idle[live] + 1)
        finished[live] = terminated & (reward > 0)
        cut = (idle[live] >= patience) | (lengths[live] >= cap)
        going = ~(terminated | truncated | cut)
        live, obs = live[going], obs[going]
    shape = (len(params), len(seeds))
    steps = np.minimum(lengths * skip, env.spec.max_episode_steps)
    return Outcome(returns.reshape(shape), steps.reshape(shape), finished.reshape(shape))
