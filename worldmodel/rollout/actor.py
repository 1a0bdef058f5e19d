"""Who plays the episodes that are collected: an explorer alone, or an agent that it disturbs."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from worldmodel.agent.agent import Agent
from worldmodel.envs.make import EnvConfig
from worldmodel.seed import stream
from worldmodel.types import BoolArray, EnvSpec, FloatArray, Frames, IntArray


class Actor(Protocol):
    """Plays episodes that are stepped together; at most `steps` agent steps of each."""

    steps: int

    def begin(self, seeds: Sequence[int]) -> None:
        """Start one episode per seed."""
        ...

    def act(self, step: int, obs: Frames, ids: IntArray) -> FloatArray:
        """Actions (k, action_dim) of the live episodes `ids` (k,) that see `obs` (k, H, W, C)."""
        ...


class Explore:
    """The environment's own explorer, which looks at nothing.

    Args:
        env: whose explorer.
        spec: its actions.
        steps: length of an episode at most, in agent steps.
    """

    def __init__(self, env: EnvConfig, spec: EnvSpec, steps: int) -> None:
        self._env, self._spec, self.steps = env, spec, steps

    def begin(self, seeds: Sequence[int]) -> None:
        """Draw every episode's actions from its seed."""
        plans = [self._env.explorer(self._spec, seed, self.steps) for seed in seeds]
        self.plans = np.stack(plans)

    def act(self, step: int, obs: Frames, ids: IntArray) -> FloatArray:
        """The planned actions."""
        return self.plans[ids, step]


class MixedActor:
    """An agent from which the explorer takes over now and then.

    What M has to learn beyond the agent's own way is what follows from leaving it, and how it is
    found again; beyond that, what follows from the parameters that a search around it would try.
    The explorer's share of an episode is drawn uniformly from 0 to `share`, and it
    keeps an episode for `stretch` steps on average, so that it gets somewhere; all of it follows
    from the episode's seed.

    Args:
        agent: plays, and sees which actions were really taken.
        params: its controller (n,).
        explore: takes over.
        noise: greatest standard deviation of what is added to the parameters, drawn uniformly.
        share: greatest share of an episode's steps that the explorer gets, 0 to 1.
        stretch: mean length of its turns, in agent steps.
    """

    def __init__(
        self,
        agent: Agent,
        params: FloatArray,
        explore: Explore,
        noise: float,
        share: float,
        stretch: float,
    ) -> None:
        self._agent, self._params, self._explore, self._noise = agent, params, explore, noise
        self._share, self._stretch = share, stretch
        self.steps = explore.steps

    def begin(self, seeds: Sequence[int]) -> None:
        """Draw the agents, when the explorer has its turns, and what it does in them."""
        self._explore.begin(seeds)
        self._agent.reset(np.stack([self._vary(seed) for seed in seeds]), 1, seeds)
        self._turns = np.stack([self._draw_turns(seed) for seed in seeds])

    def act(self, step: int, obs: Frames, ids: IntArray) -> FloatArray:
        """The explorer's actions where it has its turn, the agent's elsewhere."""
        return self._agent.act(obs, ids, self._turns[ids, step], self._explore.plans[ids, step])

    def _vary(self, seed: int) -> FloatArray:
        """Parameters (n,) for one episode."""
        rng = stream(seed, "agent_noise")
        noise = rng.uniform(0, self._noise) * rng.standard_normal(len(self._params))
        return (self._params + noise).astype(np.float32)

    def _draw_turns(self, seed: int) -> BoolArray:
        """Turns (steps,) of a two-state Markov chain with the wanted share and stretch."""
        rng = stream(seed, "turns")
        share = rng.uniform(0, self._share)
        leave = 1 / self._stretch
        enter = min(1.0, leave * share / max(1 - share, 1e-6))
        turns, turn = np.zeros(self.steps, bool), False
        for step, lot in enumerate(rng.uniform(size=self.steps)):
            turn = bool(lot >= leave) if turn else bool(lot < enter)
            turns[step] = turn
        return turns
