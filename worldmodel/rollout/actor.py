"""Who plays: an explorer, an agent's candidates, or an agent from which the explorer takes over."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from worldmodel.agent.agent import Agent
from worldmodel.seed import derive, stream
from worldmodel.types import EnvSpec, Explorer, FloatArray, Frames, IntArray

# Agent steps that are planned at a time: an episode is rarely as long as its limit allows.
BLOCK = 4096


class Actor(Protocol):
    """Plays episodes that are stepped together."""

    def begin(self, seeds: Sequence[int]) -> None:
        """Start one episode per seed."""
        ...

    def act(self, obs: Frames, ids: IntArray) -> FloatArray:
        """Actions (k, action_dim) of the episodes `ids` (k,) that go on and see `obs` (k, H, W, C).

        Called once for each step that the episodes have in common.
        """
        ...


class Candidates:
    """P parameter vectors of an agent's controller, each on the same R seeds.

    Their P·R episodes begin with candidate by candidate: `begin` takes R seeds, P times over.

    Args:
        agent: its V, M and kind of controller.
        params: (P, n).
    """

    def __init__(self, agent: Agent, params: FloatArray) -> None:
        self._agent, self._params = agent, params

    def begin(self, seeds: Sequence[int]) -> None:
        """Start all P·R rollouts."""
        rollouts = len(seeds) // len(self._params)
        self._playing = self._agent.rollouts(self._params, rollouts, seeds[:rollouts])

    def act(self, obs: Frames, ids: IntArray) -> FloatArray:
        """The controllers' actions."""
        return self._playing.act(obs, ids)


class Explore:
    """An explorer, which draws its actions before it sees anything.

    Args:
        explorer: draws the actions.
        spec: of the actions.
        steps: agent steps of the longest episode.
    """

    def __init__(self, explorer: Explorer, spec: EnvSpec, steps: int) -> None:
        self._explorer, self._spec, self._steps = explorer, spec, steps

    def begin(self, seeds: Sequence[int]) -> None:
        """Start one episode per seed, from which its actions follow."""
        self._seeds, self._step, self._block = seeds, -1, -1

    def act(self, obs: Frames, ids: IntArray) -> FloatArray:
        """The planned actions."""
        self._step += 1
        return self.planned(ids, self._step)

    def planned(self, ids: IntArray | int, step: int) -> FloatArray:
        """Actions of the episodes `ids` in one step."""
        block, at = divmod(step, BLOCK)
        if block != self._block:
            self._block, left = block, self._steps - block * BLOCK
            plans = [self._draw(seed, block, min(BLOCK, left)) for seed in self._seeds]
            self._plans = np.stack(plans)
        actions: FloatArray = self._plans[ids, at]
        return actions

    def _draw(self, seed: int, block: int, steps: int) -> FloatArray:
        part = seed if block == 0 else derive(seed, "collect", block)
        return self._explorer(self._spec, part, steps)


class MixedActor:
    """An agent from which the explorer takes over now and then.

    What M has to learn beyond the agent's own way is what follows from leaving it, and how it is
    found again; beyond that, what follows from the parameters that a search around it would try.
    The explorer's share of an episode is drawn uniformly from 0 to `share`, and it
    keeps an episode for `stretch` steps on average, so that it gets somewhere; all of it follows
    from the episode's seed.

    Args:
        agent: plays its own policy, and sees which actions were really taken.
        explore: takes over.
        noise: greatest standard deviation of what is added to the parameters, drawn uniformly.
        share: greatest share of an episode's steps that the explorer gets, 0 to 1.
        stretch: mean length of its turns, in agent steps.
    """

    def __init__(
        self, agent: Agent, explore: Explore, noise: float, share: float, stretch: float
    ) -> None:
        self._agent, self._explore, self._noise = agent, explore, noise
        self._share, self._stretch = share, stretch

    def begin(self, seeds: Sequence[int]) -> None:
        """Draw the agents, when the explorer has its turns, and what it does in them."""
        self._explore.begin(seeds)
        varied = np.stack([self._vary(seed) for seed in seeds])
        self._playing = self._agent.rollouts(varied, 1, seeds)
        self._turns = [self._draw_turns(seed) for seed in seeds]

    def act(self, obs: Frames, ids: IntArray) -> FloatArray:
        """The explorer's actions where it has its turn, the agent's elsewhere."""
        explored = self._explore.act(obs, ids)
        turns = np.array([next(turns) for turns in self._turns])
        return self._playing.act(obs, ids, turns[ids], explored)

    def _vary(self, seed: int) -> FloatArray:
        """Parameters (n,) for one episode."""
        params = self._agent.policy.params
        rng = stream(seed, "agent_noise")
        noise = rng.uniform(0, self._noise) * rng.standard_normal(len(params))
        return (params + noise).astype(np.float32)

    def _draw_turns(self, seed: int) -> Iterator[bool]:
        """Turns, step by step, of a two-state Markov chain with the wanted share and stretch."""
        rng = stream(seed, "turns")
        share = rng.uniform(0, self._share)
        leave = 1 / self._stretch
        enter = min(1.0, leave * share / max(1 - share, 1e-6))
        turn = False
        while True:
            for lot in rng.uniform(size=BLOCK):
                turn = bool(lot >= leave) if turn else bool(lot < enter)
                yield turn
