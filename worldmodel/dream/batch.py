"""The rollouts of a dream that still go on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from worldmodel.dream.dynamics import Dreamers


@dataclass
class DreamBatch:
    """A row for each rollout; `slot` is its place in the results.

    `returns` and `lengths` are what it has come to so far, and stay once it is no longer `alive`.
    """

    slot: Tensor  # (B,)
    rollout: Tensor  # (B,), which of the R seeds
    params: Tensor  # (B, n)
    dreamers: Dreamers
    alive: Tensor  # (B,)
    returns: Tensor  # (B,)
    lengths: Tensor  # (B,), in agent steps

    def tensors(self) -> list[Tensor]:
        """All that it consists of, always in the same order."""
        d = self.dreamers
        fixed = [self.slot, self.rollout, self.params, d.member]
        return [
            *fixed,
            d.z,
            *d.agent_state,
            *(d.predictor_state or ()),
            self.alive,
            self.returns,
            self.lengths,
        ]

    def of(self, tensors: list[Tensor]) -> "DreamBatch":
        """The same rollouts made of other tensors, in the order of `tensors`."""
        slot, rollout, params, member, z, *states, alive, returns, lengths = tensors
        parts = len(self.dreamers.agent_state)
        agent_state, predictor_state = tuple(states[:parts]), tuple(states[parts:]) or None
        dreamers = Dreamers(z, agent_state, predictor_state, member)
        return DreamBatch(slot, rollout, params, dreamers, alive, returns, lengths)

    def first_alive(self, size: int) -> "DreamBatch":
        """`size` of the rollouts, those that are alive before all others."""
        rows = torch.argsort(self.alive, descending=True, stable=True)[:size]
        return self.of([tensor[rows] for tensor in self.tensors()])
