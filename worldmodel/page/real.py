"""The environment itself, played by C, by a visitor, or both; what M expects goes along."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.envs.make import Env
from worldmodel.page.acting import act, mixed, pictures, rgba
from worldmodel.page.messages import Real
from worldmodel.page.moment import Course, moment
from worldmodel.types import Frames, UserError


class RealPlay:
    """One environment, made when it is first asked for.

    Args:
        agent: V, M and C.
        make_env: makes the environment as the agent sees it.
    """

    def __init__(self, agent: Agent, make_env: Callable[[], Env]) -> None:
        self._agent, self._make_env = agent, make_env
        self._env: Env | None = None
        self._course: Course | None = None
        self._generator = torch.Generator()

    def play(self, asked: Real) -> dict[str, Any]:
        """The answer to `real`.

        Raises:
            UserError: if no episode has begun, or it is over; if the environment lacks a package.
        """
        return self._step(asked) if asked.seed is None else self._begin(asked.seed)

    def close(self) -> None:
        """Free the environment."""
        env, self._env, self._course = self._env, None, None
        if env is not None:
            env.close()

    def _begin(self, seed: int) -> dict[str, Any]:
        if self._env is None:
            self._env = self._make_env()
        self._course = None  # until it has begun
        obs, _ = self._env.reset(seed=seed)
        self._generator.manual_seed(seed)
        self._state, self._z = self._agent.mdnrnn.initial_state(1), self._see(obs)
        self._own = act(self._agent, self._z, self._state)
        self._course = Course("episode")
        return self._answer(obs, moment(self._course, rgba(obs), self._z, None, self._own))

    def _step(self, asked: Real) -> dict[str, Any]:
        if self._env is None or self._course is None:
            raise UserError("No episode has begun: send real with a seed first.")
        self._course.needs_more()
        spec, mdnrnn = self._agent.policy.spec, self._agent.mdnrnn
        action = mixed(spec, self._own, asked.action, asked.mix)
        obs, reward, terminated, truncated, _ = self._env.step(spec.to_env(action.numpy())[0])
        self._state = mdnrnn.advance(self._z, action, self._state)
        chance = mdnrnn.predict(self._state[0]).end_chance
        self._z = self._see(obs)
        self._own = act(self._agent, self._z, self._state)
        self._course.go_on(float(reward), bool(terminated), bool(truncated))
        now = moment(
            self._course,
            rgba(obs),
            self._z,
            action,
            self._own,
            reward=float(reward),
            end_chance=chance,
        )
        return self._answer(obs, now)

    def _see(self, obs: Frames) -> Tensor:
        """z (1, Z) as C sees it: V's mean, or a draw."""
        mu, logvar = self._agent.vae.encode(torch.from_numpy(np.ascontiguousarray(obs)[None]))
        if not self._agent.policy.config.sample_z:
            return mu
        noise = torch.randn(mu.shape, generator=self._generator)
        return mu + torch.exp(0.5 * logvar) * noise

    def _answer(self, obs: Frames, now: dict[str, Any]) -> dict[str, Any]:
        return {**now, "reconstruction": pictures(self._agent.vae, self._z)[0]}
