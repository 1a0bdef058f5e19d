"""M beside what was real: what it dreams on the same actions, and how surprised it is."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.mdn import Mixture
from worldmodel.page.acting import pictures, rgba
from worldmodel.page.messages import Follow
from worldmodel.page.starts import Reel


class Follower:
    """Goes along a reel, from its beginning.

    Args:
        agent: V, M and C.
        reel: what was real; begins where an episode does.
    """

    def __init__(self, agent: Agent, reel: Reel) -> None:
        self._agent, self._reel = agent, reel
        self._mu, self._action = torch.tensor(reel.mu), torch.tensor(reel.action)
        self._generator = torch.Generator()
        self._at: int | None = None

    def follow(self, asked: Follow) -> dict[str, Any]:
        """The answer to `follow`.

        Steps between the last one and `at` are gone through unseen. From a step that lies behind,
        and from the same one again, all of them are, from the beginning: `seed` then counts. What
        is shown of the dream is what M foresaw at the end of `sync` steps, and then forgotten.
        """
        if self._at is None or asked.at <= self._at:
            self._begin(asked.seed)
        while self._at != asked.at:
            self._step(asked)
        at, last = asked.at, asked.at - 1
        real, mu = self._reel.frames[at : at + 1], self._mu[at : at + 1]
        own = pictures(self._agent.vae, torch.cat([mu, self._z]))
        begun = at > 0
        return {
            "at": at,
            "frames": np.concatenate([rgba(real), own]),
            "action": (self._action[last] if begun else 0 * self._action[0]).tolist(),
            "reward": float(self._reel.reward[last]) if begun else 0.0,
            "surprise": self._surprise,
            "surprises": self._surprises,
        }

    def _begin(self, seed: int) -> None:
        self._at = 0
        self._generator.manual_seed(seed)
        self._real_state = self._state = self._agent.mdnrnn.initial_state(1)
        self._z = self._mu[:1]
        self._surprise: float | None = None
        self._surprises: list[float] | None = None

    def _step(self, asked: Follow) -> None:
        assert self._at is not None
        at, mdnrnn = self._at, self._agent.mdnrnn
        real, action, following = self._mu[at : at + 1], self._action[at : at + 1], at + 1
        if asked.sync and at % asked.sync == 0:
            self._z, self._state = real, self._real_state
        self._real_state = mdnrnn.advance(real, action, self._real_state)
        self._surprise, self._surprises = surprise(
            mdnrnn.predict(self._real_state[0]).z, self._mu[following : following + 1]
        )
        self._state = mdnrnn.advance(self._z, action, self._state)
        dreamt = mdnrnn.predict(self._state[0]).z
        self._z = dreamt.sample(temperature=asked.temperature, generator=self._generator)
        self._at = following


def surprise(expected: Mixture, z: Tensor) -> tuple[float, list[float] | None]:
    """-log p of z (1, Z) in nats per dimension, and of each; None for each in a joint mixture."""
    if expected.factorization == "joint":
        return -float(expected.log_prob(z)) / expected.dim, None
    each = -expected.log_prob_per_dim(z)[0]
    return float(each.mean()), each.tolist()
