"""What is kept of episodes while they are played."""

from collections.abc import Sequence

import numpy as np

from worldmodel.types import BoolArray, EnvSpec, Episode, FloatArray, Frames, IntArray


class EpisodeRecording:
    """Whole episodes: every frame, action, reward and end.

    Args:
        spec: sizes.
        steps: agent steps of the longest episode; as much memory is taken for each.
    """

    def __init__(self, spec: EnvSpec, steps: int) -> None:
        self._spec, self._steps = spec, steps

    def begin(self, obs: Frames) -> None:
        """The first frames (N, H, W, C)."""
        count, steps = len(obs), self._steps
        self._obs = np.empty((count, steps + 1, *obs.shape[1:]), np.uint8)
        self._action = np.zeros((count, steps, self._spec.action_dim), np.float32)
        self._reward = np.zeros((count, steps), np.float32)
        self._terminated = np.zeros((count, steps), bool)
        self._truncated = np.zeros((count, steps), bool)
        self._lengths = np.zeros(count, np.int64)
        self._obs[:, 0] = obs

    def step(
        self,
        ids: IntArray,
        action: FloatArray,
        obs: Frames,
        reward: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
    ) -> None:
        """Keep one step of the episodes `ids`."""
        at = self._lengths[ids]
        self._obs[ids, at + 1], self._action[ids, at] = obs, action
        self._reward[ids, at] = reward
        self._terminated[ids, at], self._truncated[ids, at] = terminated, truncated
        self._lengths[ids] += 1

    def episodes(self, seeds: Sequence[int]) -> list[Episode]:
        """The episodes, of which these are the seeds."""
        return [
            Episode(
                obs=self._obs[row, : length + 1],
                action=self._action[row, :length],
                reward=self._reward[row, :length],
                terminated=self._terminated[row, :length],
                truncated=self._truncated[row, :length],
                seed=seeds[row],
            )
            for row, length in enumerate(self._lengths.tolist())
        ]


class ActionRecording:
    """The actions alone, with which an episode can be played again."""

    def begin(self, obs: Frames) -> None:
        """Nothing is kept of N frames but their number."""
        self._taken: list[list[FloatArray]] = [[] for _ in obs]

    def step(
        self,
        ids: IntArray,
        action: FloatArray,
        obs: Frames,
        reward: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
    ) -> None:
        """Keep the actions (k, action_dim) of the episodes `ids` (k,)."""
        for row, one in zip(ids.tolist(), action, strict=True):
            self._taken[row].append(one)

    def actions(self) -> list[FloatArray]:
        """(T, action_dim) of each episode."""
        return [np.stack(one) for one in self._taken]
