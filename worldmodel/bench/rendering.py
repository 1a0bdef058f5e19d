"""Frames of an environment that are drawn for a person, then shrunk."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import gymnasium as gym
import numpy as np

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.envs.make import Env, EnvConfig, make_env
from worldmodel.envs.wrappers import FrameSkip


def render(setting: Setting) -> Row:
    """Agent steps per second in one process, with a rendered frame of each."""
    config = replace(setting.env, obs="render")
    if setting.env.obs != "render":  # the crop is of other frames
        config = replace(config, crop_rows=None, crop_cols=None)
    envs: dict[str, Env] = {"ours": make_env(config), "naive": _Plain(config)}
    ways = {name: _steps(env, setting.sizes.env_steps) for name, env in envs.items()}
    seconds = alternate(ways, setting.sizes.rounds)
    for env in envs.values():
        env.close()
    ours, naive = (setting.sizes.env_steps / seconds[name] for name in ("ours", "naive"))
    return Row(ours, naive, "agent steps/s", "env.render(), then cv2.resize with INTER_AREA")


class _Plain(gym.ObservationWrapper[Any, Any, Any]):
    """What comes to mind first."""

    def __init__(self, config: EnvConfig) -> None:
        # Ours, up to the frames: the same repeats, limits and wrappers.
        inner = make_env(config)
        while not isinstance(inner, FrameSkip):
            assert isinstance(inner, gym.Wrapper)
            inner = inner.env
        super().__init__(inner)
        self._config = config

    def observation(self, observation: Any) -> Any:
        config = self._config
        frame = np.asarray(self.env.render())
        kept = frame[slice(*config.crop_rows or (None,)), slice(*config.crop_cols or (None,))]
        return cv2.resize(kept, (config.size, config.size), interpolation=cv2.INTER_AREA)


def _steps(env: Env, count: int) -> Callable[[], None]:
    """Play on for `count` steps of random actions, the same for every environment."""
    env.action_space.seed(0)
    seeds = itertools.count()
    over = True

    def run() -> None:
        nonlocal over
        for _ in range(count):
            if over:
                env.reset(seed=next(seeds))
            over = any(env.step(env.action_space.sample())[2:4])

    return run
