"""The environment's own state beside its pictures, for those who ask what a model knows of it."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.types import UserError

State = NDArray[np.float64]


class KeepState:
    """A wrapper for `EnvConfig.wrappers` that keeps the state of the last reset or step.

    The state is what the environment itself observes, where that is a vector of numbers, as it is
    where pictures are rendered; or some bytes of an Atari's memory.

    Args:
        name: of the environment, for messages.
        ram: which bytes; none for the observation.
    """

    def __init__(self, name: str, ram: Sequence[int] = ()) -> None:
        self._name, self._ram = name, list(ram)
        self.last: State = np.zeros(0)

    def __call__(self, env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        """The environment, watched."""
        return _Watched(env, self)

    def see(self, env: gym.Env[Any, Any], observation: Any) -> None:
        """Keep the state after an observation.

        Raises:
            UserError: where there is no vector of numbers, or no memory.
        """
        if self._ram:
            self.last = self._bytes(env)
            return
        numbers = np.asarray(observation)
        if numbers.ndim != 1 or numbers.dtype.kind not in "fiub":
            raise UserError(
                f"{self._name} observes no vector of numbers that could be its state: of an Atari "
                "game name bytes of its memory, such as read.ram=[99,101,72]."
            )
        self.last = numbers.astype(np.float64)

    def _bytes(self, env: gym.Env[Any, Any]) -> State:
        ale = getattr(env.unwrapped, "ale", None)
        if ale is None:
            raise UserError(f"{self._name} is no Atari game: leave read.ram empty.")
        memory = ale.getRAM()
        if not all(0 <= at < len(memory) for at in self._ram):
            raise UserError(f"read.ram is {self._ram}: an Atari has bytes 0 to {len(memory) - 1}.")
        return np.asarray(memory[self._ram], np.float64)


class _Watched(gym.Wrapper[Any, Any, Any, Any]):
    def __init__(self, env: gym.Env[Any, Any], keep: KeepState) -> None:
        super().__init__(env)
        self._keep = keep

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """As the environment's."""
        observation, info = self.env.reset(**kwargs)
        self._keep.see(self.env, observation)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """As the environment's."""
        observation, *rest = self.env.step(action)
        self._keep.see(self.env, observation)
        return (observation, *rest)
