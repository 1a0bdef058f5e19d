"""Where dreams begin: at first frames, or in the middle of what was collected."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worldmodel.data.latent_store import LatentStore
from worldmodel.dream.places import Places
from worldmodel.mdn import State
from worldmodel.models.mdnrnn import MDNRNN


@dataclass(frozen=True, slots=True)
class Starts:
    """S places where a dream may begin, each after M has followed what came before.

    The paper's dreams begin at first frames. Where an episode is long next to what M can foresee,
    most of it would then never be dreamt of, or only far from anything real; beginning anywhere
    gives dreams that are short, and still cover all that was collected (as imagined rollouts do in
    Dreamer, Hafner et al. 2020).

    Attributes:
        mu, logvar: (N, Z), frames one after another.
        action: (M, A), steps one after another.
        since, at: (S,), frames from which M follows, and at which the dream begins.
        step: (S,), the step that was taken at frame `since`.
        fresh: (S,) bool, whether `since` is the first frame of an episode.
        places: M's states where they are known, and nothing is to be followed.
    """

    mu: Tensor
    logvar: Tensor
    action: Tensor
    since: Tensor
    at: Tensor
    step: Tensor
    fresh: Tensor
    places: Places | None = None

    @classmethod
    def of(cls, store: LatentStore, burn_in: int | None, first_share: float) -> "Starts":
        """Those of the encoded episodes: at first frames, or with a `burn_in` anywhere."""
        if burn_in is None:
            return cls.first_frames(*store.first_frames())
        return cls.anywhere(store, burn_in, first_share)

    @classmethod
    def first_frames(cls, mu: Tensor, logvar: Tensor) -> "Starts":
        """At first frames (S, Z), unprepared."""
        rows = torch.arange(len(mu))
        fresh = torch.ones(len(mu), dtype=torch.bool)
        return cls(mu.float(), logvar.float(), torch.zeros(1, 0), rows, rows, rows, fresh)

    @classmethod
    def at_places(cls, places: Places) -> "Starts":
        """Where M's state is known, and z is V's mean."""
        found = cls.first_frames(places.z, torch.full_like(places.z, -torch.inf))
        return replace(found, fresh=places.restart.squeeze(-1) > 0, places=places)

    @classmethod
    def anywhere(cls, store: LatentStore, burn_in: int, first_share: float) -> "Starts":
        """At every frame of the store from which a step was taken, after `burn_in` agent steps.

        Near an episode's beginning M follows what there is. First frames come several times, so
        that about `first_share` of all places are such.
        """
        episode = np.repeat(np.arange(len(store.steps)), store.steps)
        step = np.arange(len(episode))
        first = np.flatnonzero(np.diff(episode, prepend=-1))
        times = round(first_share / (1 - first_share) * len(step) / len(first))
        step = np.concatenate([step, np.repeat(first, times)])
        episode = episode[step]
        at = step + episode  # an episode has one frame more than steps
        since = np.maximum(at - burn_in, store.offsets[episode])
        return cls(
            mu=torch.from_numpy(np.array(store.mu)),
            logvar=torch.from_numpy(np.array(store.logvar)),
            action=torch.from_numpy(np.array(store.action)),
            since=torch.from_numpy(since),
            at=torch.from_numpy(at),
            step=torch.from_numpy(since - episode),
            fresh=torch.from_numpy(since == store.offsets[episode]),
        )

    def __len__(self) -> int:
        """S."""
        return len(self.at)

    def to(self, device: torch.device) -> "Starts":
        """The same on another device."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        moved = {name: part.to(device) for name, part in parts.items() if part is not None}
        return Starts(**moved)

    def z(self, rows: Tensor, normal: Tensor) -> Tensor:
        """The first z (B, Z) of dreams from the places `rows`, drawn by standard normals (B, Z)."""
        at = self.at[rows]
        return self.mu[at] + torch.exp(0.5 * self.logvar[at]) * normal

    def state(self, mdnrnn: MDNRNN, rows: Tensor) -> State:
        """What M's state is at the places `rows` (B,), after its burn-in."""
        if self.places is not None:
            return self.places.state(mdnrnn, rows)
        since, at, step = self.since[rows], self.at[rows], self.step[rows]
        hidden, cell, *restart = mdnrnn.initial_state(len(rows), self.mu.device)
        state: State = (hidden, cell, *(flag * self.fresh[rows, None] for flag in restart))
        longest = int((at - since).max())
        for back in range(longest, 0, -1):
            on = at - back - since
            seen = on.clamp(min=0)
            after = mdnrnn.advance(self.mu[since + seen], self.action[step + seen], state)
            begun = (on >= 0).unsqueeze(-1)
            pairs: Any = zip(after, state, strict=True)
            state = tuple(torch.where(begun, new, old) for new, old in pairs)
        return state
