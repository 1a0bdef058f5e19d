"""Pictures in what an environment observes or renders, and their form: (H, W, 1 or 3) bytes."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.types import Frames, UserError

SMALLEST = 32  # rows and columns of what is taken for a picture unasked
_STACK = 32  # no more frames are stacked in one observation

Space = gym.Space[Any]


@dataclass(frozen=True)
class Picture:
    """A picture in an observation: where it is, and how its numbers become bytes.

    It may be (H, W), (H, W, C) or (C, H, W) with 1 or 3 colours, (H, W, 4) with alpha last, or a
    stack of these, of which the last is the newest: (k, H, W), (k, H, W, C), (H, W, 3k).

    Attributes:
        path: keys of nested Dict observations; empty where the observation is the picture.
        low: the number that is black.
        high: the number that is white.
        shape: of the array that holds it.
        kind: of that array's numbers, as in `numpy.dtype.kind`.
    """

    path: tuple[str, ...]
    low: float
    high: float
    shape: tuple[int, ...]
    kind: str

    def find(self, observation: Any) -> NDArray[Any]:
        """The array that holds it."""
        return np.asarray(reduce(operator.getitem, self.path, observation))

    def convert(self, value: NDArray[Any]) -> Frames:
        """The newest picture of that array, (H, W, 1 or 3) uint8."""
        value = newest(value)
        if value.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            return value
        scaled = (value.astype(np.float32) - self.low) * (255 / (self.high - self.low))
        return np.rint(scaled.clip(0, 255)).astype(np.uint8)


class PictureObs(gym.ObservationWrapper[Any, Any, Any]):
    """A picture of the observation in the observation's place, (H, W, 1 or 3) uint8.

    Raises:
        UserError: at the first observation that is not as the environment declares it.
    """

    def __init__(self, env: gym.Env[Any, Any], picture: Picture, name: str) -> None:
        super().__init__(env)
        self._picture, self._name = picture, name

    def observation(self, observation: Any) -> Frames:
        """The newest picture."""
        value = self._picture.find(observation)
        if (value.shape, value.dtype.kind) != (self._picture.shape, self._picture.kind):
            raise UserError(
                f"{self._name} observes an array {value.shape} of {value.dtype}, other than its "
                "observation_space declares: mend one of them."
            )
        return self._picture.convert(value)


class Filmed(gym.Wrapper[Any, Any, Any, Any]):
    """An environment from `make_env` whose `render` gives a frame (H, W, 1 or 3) in any case.

    Args:
        env: from `make_env`.
        draws: whether it draws itself; else the picture that it observes is shown, uncropped.
    """

    def __init__(self, env: gym.Env[Any, Any], draws: bool) -> None:
        super().__init__(env)
        self._draws = draws

    def render(self) -> Any:
        """What a film shows of the present."""
        return render(self.env) if self._draws else self.env.get_wrapper_attr("uncropped")


def newest(value: NDArray[Any]) -> NDArray[Any]:
    """The last picture of a stack, alpha dropped, as (H, W, 1 or 3). See `Picture`."""
    if value.ndim == 4:
        value = value[-1]
    if value.ndim == 2:
        return value[..., None]
    if value.shape[-1] in (1, 3):
        return value
    if value.shape[-1] == 4:
        return value[..., :3]
    if min(value.shape) == value.shape[0]:
        value = value.transpose(1, 2, 0)
    return value[..., -3:] if value.shape[-1] % 3 == 0 else value[..., -1:]


def find_pictures(space: Space, least: int = SMALLEST) -> dict[str, Picture]:
    """The pictures of at least `least` rows and columns in an observation space.

    Their names are the dotted keys of the Dict spaces that lead there; "" is the observation.
    """
    if isinstance(space, gym.spaces.Dict):
        return {
            f"{key}.{name}" if name else str(key): replace(picture, path=(key, *picture.path))
            for key, part in space.spaces.items()
            for name, picture in find_pictures(part, least).items()
        }
    if not isinstance(space, gym.spaces.Box | gym.spaces.MultiBinary):
        return {}
    low, high = _range(space)
    if not (_is_picture(space.shape or (), least) and np.isfinite([low, high]).all()):
        return {}
    kind = np.dtype(space.dtype).kind
    return {"": Picture((), low, high, space.shape or (), kind)} if low < high else {}


def choose_picture(name: str, space: Space, key: str | None) -> Picture:
    """The picture in an observation: that of the key, or the only one.

    Raises:
        UserError: where there is none, or several and no key that says which.
    """
    found = find_pictures(space) if key is None else find_pictures(space, 1)
    found = found or find_pictures(space, 1)
    if key is not None:
        if key in found:
            return found[key]
        known = f": it has {', '.join(filter(None, found))}" if any(found) else ""
        raise UserError(
            f"env.key={key} is no picture in what {name} observes{known}; leave env.key=null to "
            "have it found."
        )
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise UserError(
            f"{name} observes several pictures: choose one by env.key, of {', '.join(found)}."
        )
    raise UserError(
        f"{name} observes {_short(space)}, not frames of (height, width, 1 or 3) bytes or of "
        "numbers with finite bounds: set env.obs=render."
    )


def choose_obs(space: Space, key: str | None) -> str:
    """What `obs: auto` means: "native" where the observation holds just one picture, or the key."""
    return "native" if key is not None or len(find_pictures(space)) == 1 else "render"


def render(env: gym.Env[Any, Any], draw: Callable[[], Any] | None = None) -> Frames:
    """What an environment draws, as (H, W, 1 or 3) uint8; `draw` in place of its `render`.

    Raises:
        UserError: where it draws nothing, or no picture.
    """
    name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
    try:
        drawn: Any = env.render() if draw is None else draw()
    except NotImplementedError as error:
        raise UserError(
            f"{name} has no render(): write it, or take env.obs=native if it observes pictures."
        ) from error
    if isinstance(drawn, list | tuple) and drawn:
        drawn = drawn[-1]  # the frames since it was last asked
    if drawn is None or isinstance(drawn, str | Mapping):
        raise UserError(
            f"{name}'s render() gives {_kind(drawn)} with render_mode=rgb_array, not a frame "
            "(height, width, 3): mend it, or take env.obs=native if it observes pictures."
        )
    return as_frame(np.asarray(drawn), f"{name}'s render()")


def as_frame(drawn: NDArray[Any], whose: str) -> Frames:
    """What was drawn, as (H, W, 1 or 3) uint8; other numbers than bytes must be in [0, 1].

    Raises:
        UserError: for another shape or other numbers; `whose` they are.
    """
    if drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[-1] in (1, 3):
        return drawn
    if not _is_picture(drawn.shape, 1) or drawn.dtype.kind not in "buif":
        raise UserError(
            f"{whose} gives an array {drawn.shape} of {drawn.dtype}, not a frame of (height, "
            "width, 3) bytes: mend it, or put a gymnasium wrapper in env.wrappers."
        )
    drawn = newest(drawn)
    if drawn.dtype == np.uint8:
        return drawn
    if drawn.dtype.kind in "ui":
        top, scale = 255, 1
    else:
        top, scale = 1, 255
    if not (np.isfinite(drawn).all() and drawn.min() >= 0 and drawn.max() <= top):
        raise UserError(
            f"{whose} gives {drawn.dtype} from {drawn.min():.4g} to {drawn.max():.4g}: it must "
            f"be bytes, or numbers in [0, {top}]."
        )
    return np.rint(drawn.astype(np.float32) * scale).astype(np.uint8)


def _is_picture(shape: tuple[int, ...], least: int) -> bool:
    if len(shape) == 4:
        return _is_picture(shape[1:], least)
    if len(shape) == 3:
        colours = shape[-1] in (1, 3, 4)
        stack = min(shape) <= _STACK and min(shape) in (shape[0], shape[-1])
        if not (colours or stack):
            return False
        shape = shape[:2] if colours or min(shape) == shape[-1] else shape[1:]
    return len(shape) == 2 and min(shape) >= least


def _range(space: gym.spaces.Box | gym.spaces.MultiBinary) -> tuple[float, float]:
    if isinstance(space, gym.spaces.MultiBinary):
        return 0.0, 1.0
    if not space.low.size:
        return 0.0, 0.0
    return float(space.low.min()), float(space.high.max())


def _short(space: Space) -> str:
    if isinstance(space, gym.spaces.Box):
        span = f"{space.low.min():.4g} to {space.high.max():.4g}"
        return f"Box{space.shape} of {space.dtype} from {span}"
    return str(space)[:200]


def _kind(drawn: Any) -> str:
    return {type(None): "None", str: "text"}.get(type(drawn), f"a {type(drawn).__name__}")
