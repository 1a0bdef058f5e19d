"""One dream of a visitor: M goes on from a place by the actions of C, of the visitor, or both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.dream.places import Places
from worldmodel.mdn import Mixture
from worldmodel.models.mdnrnn import Prediction
from worldmodel.page.acting import act, mixed, pictures, within_bounds
from worldmodel.page.messages import Begin, Effects, Futures, Step
from worldmodel.page.moment import Course, moment
from worldmodel.types import Frames, UserError


@dataclass(frozen=True)
class DreamRules:
    """What a dream pays and when it ends.

    Attributes:
        end_threshold: chance of the end, as trained, above which "threshold" ends it.
        max_steps: agent steps after which it is cut.
        step_reward: of every agent step; None asks M's reward head, if it has one.
    """

    end_threshold: float
    max_steps: int
    step_reward: float | None


class PageDream:
    """The dream of one visitor.

    Args:
        agent: V, M and C.
        places: where dreams may begin.
        rules: what it pays and when it ends.
    """

    def __init__(self, agent: Agent, places: Places, rules: DreamRules) -> None:
        self._agent, self._places, self._rules = agent, places, rules
        self._course: Course | None = None
        self._generator = torch.Generator()

    def starts(self) -> Frames:
        """RGBA frames (S, 64, 64, 4) of the places."""
        return pictures(self._agent.vae, self._places.z)

    def begin(self, asked: Begin) -> dict[str, Any]:
        """The first moment of a new dream."""
        row = torch.tensor([asked.start])
        self._generator.manual_seed(asked.seed)
        self._z, self._state = self._places.z[row], self._places.state(self._agent.mdnrnn, row)
        self._own = act(self._agent, self._z, self._state)
        self._course = Course("dream")
        return moment(self._course, self._frame(), self._z, None, self._own)

    def step(self, asked: Step) -> dict[str, Any]:
        """The next moment.

        Raises:
            UserError: if no dream has begun, or it is over.
        """
        course, mdnrnn = self._begun(), self._agent.mdnrnn
        course.needs_more()
        action = mixed(self._agent.policy.spec, self._own, asked.action, asked.mix)
        self._state = mdnrnn.advance(self._z, action, self._state)
        expected = mdnrnn.predict(self._state[0])
        drawn = expected.z.sample(temperature=asked.temperature, generator=self._generator)
        self._z = _pinned(drawn, asked.pins)
        self._own = act(self._agent, self._z, self._state)
        reward = self._reward(expected)
        ended = self._ends(expected, asked.end)
        course.go_on(reward, ended, course.step + 1 >= self._rules.max_steps)
        watched = None if asked.watch is None else mixture_of(expected.z, asked.watch, drawn)
        return moment(
            course,
            self._frame(),
            self._z,
            action,
            self._own,
            reward=reward,
            end_chance=expected.end_chance,
            mixture=watched,
        )

    def effects(self, asked: Effects) -> Frames:
        """RGBA frames (2·L, 64, 64, 4): of each latent the present z with it at -by, then at by.

        Raises:
            UserError: if no dream has begun.
        """
        self._begun()
        z = self._z.repeat(2 * len(asked.latents), 1)
        for index, latent in enumerate(asked.latents):
            z[2 * index, latent], z[2 * index + 1, latent] = -asked.by, asked.by
        return pictures(self._agent.vae, z)

    def futures(self, asked: Futures) -> Frames:
        """RGBA frames (A·D·T, 64, 64, 4): by action, of each by draw, of each by step.

        The random numbers of a draw are the same for all actions, so that its futures differ by
        what was done alone; the dream itself stays where it is.

        Raises:
            UserError: if no dream has begun.
        """
        self._begun()
        mdnrnn, many = self._agent.mdnrnn, len(asked.actions)
        generator = torch.Generator().manual_seed(asked.seed)
        given = within_bounds(self._agent.policy.spec, torch.tensor(asked.actions))
        action = given.repeat_interleave(asked.draws, 0)
        z = self._z.expand(len(action), -1)
        state = tuple(part.expand(len(action), -1) for part in self._state)
        seen = []
        for _ in range(asked.steps):
            state = mdnrnn.advance(z, action, state)
            expected = mdnrnn.predict(state[0]).z
            level = torch.rand(asked.draws, expected.picks, generator=generator)
            noise = torch.randn(asked.draws, expected.dim, generator=generator)
            z = expected.transport(level.repeat(many, 1), noise.repeat(many, 1), asked.temperature)
            seen.append(z)
        return pictures(self._agent.vae, torch.stack(seen, 1).flatten(0, 1))

    def _begun(self) -> Course:
        if self._course is None:
            raise UserError("No dream has begun: send begin first.")
        return self._course

    def _frame(self) -> Frames:
        frame: Frames = pictures(self._agent.vae, self._z)[0]
        return frame

    def _reward(self, expected: Prediction) -> float:
        if self._rules.step_reward is not None:
            return self._rules.step_reward
        return 0.0 if expected.reward is None else float(expected.reward)

    def _ends(self, expected: Prediction, how: str) -> bool:
        # Drawn in any case: what follows from a seed shall not depend on how dreams end.
        chance = torch.rand(1, generator=self._generator)
        if expected.end is None or expected.end_chance is None or how == "never":
            return False
        if how == "threshold":
            return bool(expected.end > self._rules.end_threshold)
        return bool(chance < expected.end_chance)


def mixture_of(mixture: Mixture, latent: int, drawn: Tensor) -> dict[str, Any]:
    """M's belief (at temperature 1) of one latent, as plain numbers, and what was drawn of it.

    Args:
        mixture: of a batch of one.
        latent: which.
        drawn: (1, Z).
    """
    logits, mu, _ = mixture.aligned()
    weights = logits.softmax(-2)[0]
    return {
        "weights": weights[:, latent if weights.shape[1] > 1 else 0].tolist(),
        "mu": mu[0, :, latent].tolist(),
        "sigma": mixture.log_deviation.expand_as(mu).exp()[0, :, latent].tolist(),
        "draw": float(drawn[0, latent]),
    }


def _pinned(z: Tensor, pins: Mapping[int, float]) -> Tensor:
    held = z.clone()
    for latent, value in pins.items():
        held[:, latent] = value
    return held
