"""DreamWorld: M's own predictions as an environment, every rollout of a generation in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldmodel.models.controller import Controller
from worldmodel.rollout.dynamics import Dreamers, Dynamics
from worldmodel.seed import derive
from worldmodel.types import FloatArray, IntArray, World

# Dead rollouts are dropped once this share of the batch is dead: dropping copies what is left.
DROP = 0.1
# How often a GPU is asked how many are dead: the question waits for all that was queued.
ASK_EVERY = 8


@dataclass
class _Live:
    """The rollouts that still go on, a row each; `slot` is a rollout's place in the results."""

    slot: Tensor  # (B,)
    rollout: Tensor  # (B,), which of the R seeds
    params: Tensor  # (B, n)
    dreamers: Dreamers
    alive: Tensor  # (B,)

    def drop_dead(self) -> None:
        rows = self.alive.nonzero().squeeze(-1)
        for name in ("slot", "rollout", "params", "alive"):
            setattr(self, name, getattr(self, name)[rows])
        self.dreamers.keep(rows)


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
        self._dynamics, self._controller = dynamics, controller
        self._device = dynamics.device
        self._every = 1 if self._device.type == "cpu" else ASK_EVERY

    @torch.inference_mode()
    def evaluate(
        self, params: FloatArray, seeds: Sequence[int], *, generation: int | None
    ) -> tuple[FloatArray, IntArray]:
        """Dreamt returns and lengths in env steps (P, R); the same start for every candidate."""
        dynamics = self._dynamics
        generator = torch.Generator(self._device).manual_seed(derive(seeds[0], "dream", *seeds))
        with dynamics.autocast():
            returns, lengths = self._play(self._begin(params, seeds), len(seeds), generator)
        shape = (len(params), len(seeds))
        steps = (lengths * dynamics.frame_skip).view(shape)
        return returns.view(shape).cpu().numpy(), steps.cpu().numpy()

    def _play(
        self, live: _Live, rollouts: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Returns and lengths in agent steps of all rollouts, each (B,)."""
        dynamics = self._dynamics
        count = len(live.slot)
        returns = torch.zeros(count, device=self._device)
        lengths = torch.zeros(count, dtype=torch.int64, device=self._device)
        for step in range(dynamics.cap):
            noise = dynamics.noise(rollouts, generator).of(live.rollout)
            reward, going = dynamics.step(live.dreamers, self._act(live), noise)
            returns[live.slot] += torch.where(live.alive, reward, 0)
            lengths[live.slot] += live.alive
            live.alive = live.alive & going
            if step % self._every == 0:
                left = int(live.alive.sum())
                if left == 0:
                    break
                if left <= (1 - DROP) * len(live.slot):
                    live.drop_dead()
        return returns, lengths

    def _act(self, live: _Live) -> Tensor:
        mind = live.dreamers.mind
        features = self._controller.features({"z": live.dreamers.z, "h": mind[0], "c": mind[1]})
        with torch.autocast(self._device.type, enabled=False):  # C acts as it will outside
            return self._controller.act(live.params, features.unsqueeze(1)).squeeze(1)

    def _begin(self, params: FloatArray, seeds: Sequence[int]) -> _Live:
        """Every candidate beside every start, one for each seed."""
        rng = np.random.default_rng(list(seeds))
        size = len(seeds), self._dynamics.mind.z_dim
        first = torch.from_numpy(rng.integers(len(self._dynamics.starts), size=len(seeds)))
        normal = torch.from_numpy(rng.standard_normal(size, np.float32))
        weights = torch.from_numpy(np.asarray(params, np.float32)).to(self._device)
        count = len(params) * len(seeds)
        rollout = torch.arange(len(seeds), device=self._device).repeat(len(params))
        member = torch.arange(len(seeds), device=self._device) % max(1, len(self._dynamics.members))
        dreamers = self._dynamics.begin(first.to(self._device), normal.to(self._device), member)
        dreamers.keep(rollout)
        return _Live(
            slot=torch.arange(count, device=self._device),
            rollout=rollout,
            params=weights.repeat_interleave(len(seeds), 0),
            dreamers=dreamers,
            alive=torch.ones(count, dtype=torch.bool, device=self._device),
        )

    def close(self) -> None:
        """Nothing to free."""
