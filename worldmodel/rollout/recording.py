"""What is kept of episodes while they are played."""

from collections.abc import Sequence

import numpy as np

from worldmodel.types import BoolArray, EnvSpec, Episode, FloatArray, Frames, IntArray

ROOM = 256  # agent steps for which there is room at first


class EpisodeRecording:
    """Whole episodes: every frame, action, reward and end; memory grows with what is played.

    Args:
        spec: sizes.
        steps: agent steps of the longest episode.
    """

    def __init__(self, spec: EnvSpec, steps: int) -> None:
        self._spec, self._steps = spec, steps

    def begin(self, obs: Frames) -> None:
        """The first frames (N, H, W, C)."""
        count, room = len(obs), min(self._steps, ROOM)
        self._obs = np.empty((count, room + 1, *obs.shape[1:]), np.uint8)
        self._action = np.empty((count, room, self._spec.action_dim), np.float32)
        self._reward = np.empty((count, room), np.float32)
        self._terminated = np.empty((count, room), bool)
        self._truncated = np.empty((count, room), bool)
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
        if at.max() == self._reward.shape[1]:
            self._grow()
        self._obs[ids, at + 1], self._action[ids, at] = obs, action
        self._reward[ids, at] = reward
        self._terminated[ids, at], self._truncated[ids, at] = terminated, truncated
        self._lengths[ids] += 1

    def _grow(self) -> None:
        """Make room for twice as many steps."""
        more = min(self._steps, 2 * self._reward.shape[1]) - self._reward.shape[1]
        for name in ("_obs", "_action", "_reward", "_terminated", "_truncated"):
            kept = getattr(self, name)
            added = np.empty((len(kept), more, *kept.shape[2:]), kept.dtype)
            setattr(self, name, np.concatenate([kept, added], 1))

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
