"""The one loop that plays: actors in a vector of real environments, whole episodes side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from worldmodel.rollout.actor import Actor
from worldmodel.types import BoolArray, FloatArray, Frames, IntArray, UserError, VectorEnv


class Outcome(NamedTuple):
    """What N episodes came to, each (N,).

    `lengths` are in env steps, as if the last action had been repeated in full. What counts as
    `finished` is the environment's to say (`EnvSpec.finished`).
    """

    returns: FloatArray
    lengths: IntArray
    finished: BoolArray


@dataclass(frozen=True)
class Limits:
    """What ends an episode early, in env steps; None: nothing.

    `no_reward_steps` without reward, or `max_steps` in all.
    """

    no_reward_steps: int | None = None
    max_steps: int | None = None


class Recording(Protocol):
    """Sees every transition of the episodes that are played."""

    def begin(self, obs: Frames) -> None:
        """The first observations (N, H, W, C)."""
        ...

    def step(
        self,
        ids: IntArray,
        action: FloatArray,
        obs: Frames,
        reward: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
    ) -> None:
        """One agent step of the episodes `ids` (k,) that go on: k rows of each.

        `obs` is what followed the action; `truncated` includes the limits of the call.
        """
        ...


def play(
    actor: Actor,
    env: VectorEnv,
    seeds: Sequence[int],
    limits: Limits | None = None,
    recording: Recording | None = None,
) -> Outcome:
    """Let the actor play one episode per seed (N,).

    All go on together; one that ends leaves the batch, so no row of a reset ever enters it.

    Args:
        actor: plays.
        env: where.
        seeds: an episode depends on its seed and the actor alone.
        limits: of an episode, besides the environment's own.
        recording: sees every transition.

    Raises:
        UserError: for an action or a reward that is not finite; it names the episode's seed.
    """
    limits = limits or Limits()
    skip = env.spec.frame_skip
    patience, cap = (
        math.inf if steps is None else math.ceil(steps / skip)
        for steps in (limits.no_reward_steps, limits.max_steps)
    )
    obs = env.reset(seeds)
    actor.begin(seeds)
    if recording is not None:
        recording.begin(obs)
    returns = np.zeros(len(seeds), np.float32)
    lengths = np.zeros(len(seeds), np.int64)
    idle = np.zeros(len(seeds), np.int64)
    finished = np.zeros(len(seeds), bool)
    live = np.arange(len(seeds))
    while live.size:
        action = actor.act(obs, live)
        _check_finite("an action", action.reshape(live.size, -1), live, seeds, lengths)
        obs, reward, terminated, truncated = env.step(action, live)
        _check_finite("the reward", reward[:, None], live, seeds, lengths)
        returns[live] += reward
        lengths[live] += 1
        idle[live] = np.where(reward > 0, 0, idle[live] + 1)
        finished[live] = _is_finished(env.spec.finished, reward, terminated)
        cut = (idle[live] >= patience) | (lengths[live] >= cap)
        truncated = truncated | (cut & ~terminated)
        if recording is not None:
            recording.step(live, action, obs, reward, terminated, truncated)
        going = ~(terminated | truncated)
        live, obs = live[going], obs[going]
    steps = np.minimum(lengths * skip, env.spec.max_episode_steps)
    return Outcome(returns, steps, finished)


def _check_finite(
    what: str, values: FloatArray, live: IntArray, seeds: Sequence[int], lengths: IntArray
) -> None:
    if np.isfinite(values).all():
        return
    row, column = np.argwhere(~np.isfinite(values))[0]
    episode = live[row]
    raise UserError(
        f"In the episode of seed {seeds[episode]}, {what} of agent step {lengths[episode] + 1} is "
        f"{values[row, column]}: mend the environment, or whoever acts in it; a gymnasium wrapper "
        "in env.wrappers can clip rewards."
    )


def _is_finished(rule: str | None, reward: FloatArray, terminated: BoolArray) -> BoolArray:
    if rule is None:
        return np.zeros(len(reward), bool)
    return terminated & (reward > 0) if rule == "rewarded" else terminated
