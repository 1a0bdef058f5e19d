"""From what an environment shows to small RGB frames."""

from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.envs.area import shrink
from worldmodel.envs.drawing import Drawing
from worldmodel.envs.pictures import render
from worldmodel.types import Frames, UserError

Span = tuple[int, int]


def crop_resize(frames: Frames, rows: Span | None, cols: Span | None, size: int) -> Frames:
    """Crop frames and shrink them to RGB squares, averaging over the area of each new pixel.

    Args:
        frames: one frame (H, W, C) or many (N, H, W, C); C is 1 (grey) or 3 (RGB).
        rows: keep rows a to b - 1; None keeps all.
        cols: the same for columns.
        size: side of the result.

    Returns:
        (size, size, 3) or (N, size, size, 3) uint8.

    Raises:
        UserError: where the crop reaches outside the frame.
    """
    if frames.ndim == 4:
        return np.stack([crop_resize(frame, rows, cols, size) for frame in frames])
    for name, span, extent in zip(("rows", "cols"), (rows, cols), frames.shape[:2], strict=True):
        if span is not None and span[1] > extent:
            raise UserError(
                f"env.crop_{name}={list(span)} reaches outside the frames, which have {extent} "
                f"{name}: give null to keep all."
            )
    small = shrink(frames[slice(*rows or (None,)), slice(*cols or (None,))], size)
    return small if small.shape[-1] == 3 else np.repeat(small, 3, axis=-1)


@runtime_checkable
class DrawsOnDemand(Protocol):
    """An environment that leaves a frame undrawn while `drawing` is off, until somebody looks."""

    drawing: bool

    def look(self) -> Frames:
        """Draw the present frame (H, W, C)."""
        ...


class FrameSkip(gym.Wrapper[Any, Any, Any, Any]):
    """Repeat each action, add up the rewards and stop where the episode ends.

    Args:
        env: steps once for each repeat.
        repeats: env steps per step.
        on_demand: draw only the frame that is returned, where the bare environment can
            (`DrawsOnDemand`); not for environments in wrappers that change or keep frames.
    """

    def __init__(self, env: gym.Env[Any, Any], repeats: int, on_demand: bool = False) -> None:
        super().__init__(env)
        self._repeats = repeats
        bare = env.unwrapped
        self._drawn = bare if on_demand and isinstance(bare, DrawsOnDemand) else None
        if self._drawn is not None:
            self._drawn.drawing = False

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """The first frame."""
        obs, info = self.env.reset(**kwargs)
        return self._seen(obs), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One agent step: at most `repeats` env steps."""
        total = 0.0
        for _ in range(self._repeats):
            obs, reward, terminated, truncated, info = self.env.step(action)
            total += self._number(reward)
            if terminated or truncated:
                break
        return self._seen(obs), total, bool(terminated), bool(truncated), info

    def _seen(self, obs: Any) -> Any:
        return obs if self._drawn is None else self._drawn.look()

    def _number(self, reward: Any) -> float:
        """A reward, which some environments hand over as an array of one."""
        if isinstance(reward, float):  # to ask numpy takes longer
            return reward
        if np.ndim(reward) == 0:
            return float(reward)
        if np.size(reward) != 1:
            name = type(self.unwrapped).__name__ if self.spec is None else self.spec.id
            raise UserError(
                f"{name} pays {np.size(reward)} rewards at once: put a wrapper in env.wrappers "
                "that makes one number of them."
            )
        return float(np.asarray(reward).item())


class RenderObs(gym.ObservationWrapper[Any, Any, Any]):
    """The rendered frame in place of the observation; needs render_mode="rgb_array"."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._drawing = Drawing(env)

    def observation(self, observation: Any) -> Frames:
        """Draw the frame (H, W, 3)."""
        return render(self.env, self._drawing.frame)


class CropResize(gym.ObservationWrapper[Any, Any, Any]):
    """`crop_resize` on every observation (H, W), (H, W, 1) or (H, W, 3).

    `uncropped` is the last one as it came, (H, W, 1 or 3).
    """

    def __init__(
        self, env: gym.Env[Any, Any], rows: Span | None, cols: Span | None, size: int
    ) -> None:
        super().__init__(env)
        self._crop = (rows, cols, size)
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)

    def observation(self, observation: NDArray[np.uint8]) -> Frames:
        """Crop and shrink one frame to (size, size, 3)."""
        frame = observation if observation.ndim == 3 else observation[..., None]
        self.uncropped: Frames = frame
        return crop_resize(frame, *self._crop)
