"""DreamWorld: M's own predictions as an environment, every rollout of a generation in one batch."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from worldmodel.dream.batch import DreamBatch
from worldmodel.dream.cuda_graph import Graph
from worldmodel.dream.dynamics import Dynamics, Noise
from worldmodel.models.controller import Controller
from worldmodel.seed import derive
from worldmodel.types import FloatArray, IntArray, UserError, World

# Dead rollouts are dropped once this share of the batch is dead: dropping copies what is left.
DROP = 0.1
# On a GPU they are dropped by halves, so that few sizes have to be recorded, and so many rollouts
# stay: fewer take as long.
LEAST = 1024
# At most so many sizes have their graphs kept: each holds memory of its own.
GRAPHS = 8
# How often a GPU is asked how many are dead: the question waits for all that was queued.
ASK_EVERY = 8


class DreamWorld(World):
    """The dream as a `World`: P candidates × R rollouts stepped together, no Python per rollout.

    All candidates share the random numbers of a seed, so what a rollout comes to depends on its
    parameters and the seeds alone, not on who dreams beside it, and two equal candidates get equal
    returns (common random numbers). With an ensemble, seed r is dreamt by member r mod E.

    Args:
        dynamics: what follows from an action.
        controller: acts.
    """

    def __init__(self, dynamics: Dynamics, controller: Controller) -> None:
        self._dynamics, self._controller = dynamics, controller.to(dynamics.device)
        self._device = dynamics.device
        self._generator = torch.Generator(self._device)
        self._gpu = self._device.type == "cuda"
        self._every = ASK_EVERY if self._gpu else 1
        self._graphs: dict[tuple[int, int], Graph] = {}
        if dynamics.fused:
            self._move = torch.compile(self._move, dynamic=False)  # type: ignore[method-assign]

    @torch.inference_mode()
    def evaluate(
        self, params: FloatArray, seeds: Sequence[int], *, generation: int | None
    ) -> tuple[FloatArray, IntArray]:
        """Dreamt returns and lengths in env steps (P, R); the same start for every candidate.

        Raises:
            UserError: if a return is not finite.
        """
        dynamics = self._dynamics
        self._generator.manual_seed(derive(seeds[0], "dream", *seeds))
        with dynamics.autocast():
            returns, lengths = self._play(self._begin(params, seeds), len(seeds))
        shape = (len(params), len(seeds))
        steps = (lengths * dynamics.frame_skip).view(shape)
        scores: FloatArray = returns.view(shape).cpu().numpy()
        self._check_finite(scores, seeds)
        return scores, steps.cpu().numpy()

    def _check_finite(self, scores: FloatArray, seeds: Sequence[int]) -> None:
        if not np.isfinite(scores).all():
            _, rollout = np.argwhere(~np.isfinite(scores))[0]
            raise UserError(
                f"A dream of seed {seeds[rollout]} came to a score that is not finite: M predicts "
                "what nobody can score. Train M with a lower train_mdnrnn.fit.learning_rate, or "
                "search with a smaller evolve.cma.sigma."
            )

    def _play(self, live: DreamBatch, rollouts: int) -> tuple[Tensor, Tensor]:
        """Returns and lengths in agent steps of all rollouts, each (B,)."""
        returns, lengths = torch.empty_like(live.returns), torch.empty_like(live.lengths)
        live, advance = self._ready(live, rollouts)
        for step in range(self._dynamics.cap):
            advance()
            if step % self._every == 0:
                count, left = len(live.slot), int(live.alive.sum())
                if left == 0:
                    break
                size = self._size(count, left)
                if size < count:
                    returns[live.slot], lengths[live.slot] = live.returns, live.lengths
                    live, advance = self._ready(live.first_alive(size), rollouts)
        returns[live.slot], lengths[live.slot] = live.returns, live.lengths
        return returns, lengths

    def _ready(self, live: DreamBatch, rollouts: int) -> tuple[DreamBatch, Callable[[], None]]:
        """The rollouts, and what moves them on: on a GPU a graph, kept for the next generation."""
        step = partial(self._step, rollouts)
        if not self._gpu or self._dynamics.members:  # which member dreams depends on values
            return live, partial(step, live, self._generator)
        key = len(live.slot), rollouts
        if key not in self._graphs:
            if len(self._graphs) == GRAPHS:
                self._graphs.clear()
            self._graphs[key] = Graph(step, live, self._generator)
        return self._graphs[key].load(live), self._graphs[key].step

    def _step(self, rollouts: int, live: DreamBatch, generator: torch.Generator) -> None:
        self._move(live, self._dynamics.noise(rollouts, generator))

    def _move(self, live: DreamBatch, noise: Noise) -> None:
        noise = noise.of(live.rollout)
        reward, going = self._dynamics.step(live.dreamers, self._act(live), noise)
        live.returns = live.returns + torch.where(live.alive, reward, 0)
        live.lengths = live.lengths + live.alive
        live.alive = live.alive & going

    def _size(self, count: int, left: int) -> int:
        """How many rollouts to go on with."""
        if not self._gpu:
            return left if left <= (1 - DROP) * count else count
        while count >= 2 * max(left, LEAST):
            count = -(-count // 2)
        return count

    def _act(self, live: DreamBatch) -> Tensor:
        state = live.dreamers.agent_state
        features = self._controller.features({"z": live.dreamers.z, "h": state[0], "c": state[1]})
        with torch.autocast(self._device.type, enabled=False):  # C acts as it will outside
            return self._controller.act(live.params, features.unsqueeze(1)).squeeze(1)

    def _begin(self, params: FloatArray, seeds: Sequence[int]) -> DreamBatch:
        """Every candidate beside every start, one for each seed."""
        rng = np.random.default_rng(list(seeds))
        size = len(seeds), self._dynamics.mdnrnn.z_dim
        first = torch.from_numpy(rng.integers(len(self._dynamics.starts), size=len(seeds)))
        normal = torch.from_numpy(rng.standard_normal(size, np.float32))
        weights = torch.from_numpy(np.asarray(params, np.float32)).to(self._device)
        count = len(params) * len(seeds)
        rollout = torch.arange(len(seeds), device=self._device).repeat(len(params))
        member = torch.arange(len(seeds), device=self._device) % max(1, len(self._dynamics.members))
        dreamers = self._dynamics.begin(first.to(self._device), normal.to(self._device), member)
        dreamers.keep(rollout)
        return DreamBatch(
            slot=torch.arange(count, device=self._device),
            rollout=rollout,
            params=weights.repeat_interleave(len(seeds), 0),
            dreamers=dreamers,
            alive=torch.ones(count, dtype=torch.bool, device=self._device),
            returns=torch.zeros(count, device=self._device),
            lengths=torch.zeros(count, dtype=torch.int64, device=self._device),
        )

    def close(self) -> None:
        """Nothing to free."""
