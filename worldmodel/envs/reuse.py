"""Which environments can play many episodes, each depending on its seed alone."""

from typing import Any

import gymnasium as gym

# Packages whose `reset(seed=…)` leaves nothing of the episode before: a test holds that, bit by
# bit. Not Box2D, whose physics world remembers. A new Atari console takes 0.1 s and more.
_AFRESH = ("ale_py.", "gymnasium.envs.classic_control.")


def resets_afresh(env: gym.Env[Any, Any]) -> bool:
    """Whether a seeded reset gives the same episode as a new instance would, as far as is known."""
    return type(env.unwrapped).__module__.startswith(_AFRESH)
