"""A walk over a map of forks: the next move has several right answers, with a known entropy.

A walker stands near a node of a graph, off by Gaussian noise, and goes near one of the node's
neighbours, each as likely as the other, but never back to where it came from. Which answers are
right depends on the last position and on the one before it: a network needs a memory. Nodes are
so many sigmas apart that a position tells its node, so the density of the next move is a mixture
that can be written down.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from worldmodel.mdn import Mixture
from worldmodel.seed import derive

MIN_DISTANCE = 8  # sigmas between nodes, below which a position does not tell its node


@dataclass(frozen=True)
class MapConfig:
    """Nodes by their coordinates, edges by two nodes each, and the noise of a position."""

    nodes: list[list[float]]
    edges: list[list[int]]
    sigma: float

    def __post_init__(self) -> None:
        degrees = [0] * len(self.nodes)
        for edge in self.edges:
            if len(edge) != 2 or edge[0] == edge[1] or not set(edge) <= set(range(len(degrees))):
                raise ValueError(f"map.edges has {edge}: it must be two different nodes")
            for node in edge:
                degrees[node] += 1
        if min(degrees, default=0) < 2:
            raise ValueError("map.edges leave a node with less than 2 edges: a walker can't go on")
        distance = torch.pdist(torch.tensor(self.nodes, dtype=torch.float64)).min().item()
        if not 0 < self.sigma * MIN_DISTANCE <= distance:
            raise ValueError(
                f"map.sigma is {self.sigma}: nodes are {distance:.2f} apart, use at most "
                f"{distance / MIN_DISTANCE:.3f}"
            )


class ForkedMap:
    """Walks over a map, and the exact density of each next move.

    The states of the walk are the nodes, before its first move, and then the directed edges.
    """

    def __init__(self, config: MapConfig) -> None:
        self.nodes = torch.tensor(config.nodes, dtype=torch.float64)
        self.sigma = config.sigma
        edges = [(a, b) for a, b in config.edges] + [(b, a) for a, b in config.edges]
        count = len(config.nodes)
        self.at = torch.tensor([*range(count), *(b for _, b in edges)])
        came_from = [-1] * count + [a for a, _ in edges]
        steps = torch.zeros(len(self.at), len(self.at), dtype=torch.float64)
        for state, (node, back) in enumerate(zip(self.at.tolist(), came_from, strict=True)):
            for index, (a, b) in enumerate(edges):
                if a == node and b != back:
                    steps[state, count + index] = 1
        self.transition = steps / steps.sum(1, keepdim=True)
        self._start = (self.at == self.at).double() * (torch.arange(len(self.at)) < count) / count

    def walks(self, count: int, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """States (count, steps + 1) and positions (count, steps + 1, 2), in float32."""
        state = torch.multinomial(self._start, count, replacement=True, generator=generator)
        states = [state]
        for _ in range(steps):
            state = torch.multinomial(self.transition[state], 1, generator=generator).squeeze(1)
            states.append(state)
        path = torch.stack(states, 1)
        noise = torch.randn(count, steps + 1, 2, generator=generator)
        return path, self.nodes[self.at[path]].float() + self.sigma * noise

    def next_move(self, state: Tensor, position: Tensor) -> Mixture:
        """Exact density of the next move from `position` (..., 2) in `state` (...)."""
        chance = self.transition[state]
        options = self.nodes[self.at].expand(*chance.shape, 2)
        log_sigma = torch.full_like(options[..., :1], math.log(self.sigma))
        # A logit of -inf would be a component that is impossible, and its gradient NaN.
        logits = chance.clamp(min=1e-300).log()
        return Mixture(logits, options - position.double().unsqueeze(-2), log_sigma, "joint")

    def entropy(self, steps: int) -> float:
        """Mean nats of a move over the first `steps` moves of a walk, exactly.

        The choice and the noise add up as long as the options are far apart, which `MapConfig`
        sees to: at 8 sigmas the overlap changes the entropy by less than 1e-3 nats.
        """
        choice = torch.special.entr(self.transition).sum(1)
        noise = math.log(2 * math.pi * math.e * self.sigma**2)
        chance, total = self._start, 0.0
        for _ in range(steps):
            total += float(chance @ choice) + noise
            chance = chance @ self.transition
        return total / steps


class Walks:
    """Fresh walks for every training step, and fixed ones held out.

    Args:
        forked: the map.
        batch_size: walks in a batch.
        steps: moves of a walk.
        holdout: walks that are held out.
        seed: batches are a function of it and the step alone.
    """

    def __init__(
        self, forked: ForkedMap, batch_size: int, steps: int, holdout: int, seed: int
    ) -> None:
        self._map, self._batch_size, self._steps = forked, batch_size, steps
        self._holdout, self._seed = holdout, seed

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Endless training batches from step `start` on."""
        step = start
        while True:
            yield self._batch(self._batch_size, derive(self._seed, "train", step))
            step += 1

    def holdout(self) -> Iterable[dict[str, Tensor]]:
        """The held-out walks, as one batch."""
        return [self._batch(self._holdout, derive(self._seed, "test"))]

    def _batch(self, count: int, seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        state, position = self._map.walks(count, self._steps, generator)
        return {"state": state, "position": position}
