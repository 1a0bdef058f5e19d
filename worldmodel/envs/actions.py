"""From the actions of any environment to one choice out of n, or to one vector of numbers."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.types import UserError

MOST_CHOICES = 64  # combinations of discrete parts that are still told apart one by one

Numbers = NDArray[np.float64]
Space = gym.Space[Any]
Span = tuple[float, float]


class Actions(NamedTuple):
    """What `EnvSpec` keeps of an action space; its fields of the same names."""

    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    n: int | None
    dtype: str | None


class FlatActions(gym.ActionWrapper[Any, Any, Any]):
    """An environment whose actions are Discrete(n) from 0 on, or a flat Box with finite bounds.

    - A Box of any shape becomes a flat one of the same type.
    - A Discrete that starts elsewhere starts at 0.
    - MultiDiscrete, MultiBinary, and a Tuple or Dict of discrete parts become a Discrete over all
      combinations, the last part fastest, where there are at most `MOST_CHOICES`.
    - Else every discrete part becomes a number in [-1, 1], cut into equal shares, beside the
      numbers of the Boxes.

    Args:
        env: any environment.
        bounds: least and greatest value where a Box is unbounded; None: such a Box is refused.

    Raises:
        UserError: for other spaces and unbounded Boxes.
    """

    def __init__(self, env: gym.Env[Any, Any], name: str, bounds: Span | None) -> None:
        super().__init__(env)
        self._native = env.action_space
        n = _count(self._native, name)
        single = isinstance(self._native, gym.spaces.Discrete)
        self._finite = n is not None and (single or n <= MOST_CHOICES)
        if n is not None and self._finite:
            self.action_space = gym.spaces.Discrete(n)
            return
        low, high = _bounds(self._native, name, bounds)
        dtype = self._native.dtype if isinstance(self._native, gym.spaces.Box) else np.float32
        self.action_space = gym.spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)

    def action(self, action: Any) -> Any:
        """What the environment takes, of an index or of a vector (D,)."""
        if self._finite:
            return _choose(self._native, int(action))
        return _assemble(self._native, np.asarray(action))


def flatten_actions(env: gym.Env[Any, Any], name: str, bounds: Span | None) -> gym.Env[Any, Any]:
    """`FlatActions` around an environment that needs it.

    Raises:
        UserError: as `FlatActions`; `name` is the environment's.
    """
    space = env.action_space
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return env
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1:
        low, high = _unbounded(space)
        if not (low | high).any():
            return env
    return FlatActions(env, name, bounds)


def read_actions(space: Space) -> Actions:
    """What a spec keeps of a flattened space. The type of a float32 Box goes without saying."""
    if isinstance(space, gym.spaces.Discrete):
        return Actions(None, None, int(space.n), None)
    assert isinstance(space, gym.spaces.Box)
    low, high = (tuple(side.astype(float).tolist()) for side in (space.low, space.high))
    return Actions(low, high, None, None if space.dtype == np.float32 else str(space.dtype))


def _count(space: Space, name: str) -> int | None:
    """How many actions there are; None where a part is continuous."""
    if isinstance(space, gym.spaces.Discrete):
        return int(space.n)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return math.prod(int(n) for n in space.nvec.ravel())
    if isinstance(space, gym.spaces.MultiBinary):
        return 1 << math.prod(space.shape)
    if isinstance(space, gym.spaces.Box):
        return None
    if isinstance(space, gym.spaces.Tuple | gym.spaces.Dict):
        counts = [_count(part, name) for part in _parts(space)]
        known = [count for count in counts if count is not None]
        return math.prod(known) if len(known) == len(counts) else None
    raise UserError(
        f"{name} takes actions of {space}, which is no Box, Discrete, MultiDiscrete, MultiBinary, "
        "nor a Tuple or Dict of these: turn it into one by a gymnasium.ActionWrapper of yours in "
        "env.wrappers."
    )


def _choose(space: Space, index: int) -> Any:
    """The action number `index` of a finite space, in its own form."""
    if isinstance(space, gym.spaces.Discrete):
        return space.start + np.int64(index)
    if isinstance(space, gym.spaces.MultiDiscrete):
        places = np.array(np.unravel_index(index, tuple(space.nvec.ravel())))
        return (places.reshape(space.shape) + space.start).astype(space.dtype)
    if isinstance(space, gym.spaces.MultiBinary):
        bits = np.unravel_index(index, (2,) * math.prod(space.shape))
        return np.array(bits, space.dtype).reshape(space.shape)
    parts, chosen = _parts(space), []
    for part in reversed(parts):
        index, inner = divmod(index, _count(part, "") or 1)
        chosen.append(_choose(part, inner))
    return _join(space, chosen[::-1])


def _shares(space: Space) -> list[int]:
    """Into how many shares each number is cut that stands for a discrete part."""
    if isinstance(space, gym.spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.ravel()]
    return [2] * math.prod(space.shape or ())


def _length(space: Space) -> int:
    if isinstance(space, gym.spaces.Tuple | gym.spaces.Dict):
        return sum(_length(part) for part in _parts(space))
    return math.prod(space.shape) if isinstance(space, gym.spaces.Box) else len(_shares(space))


def _bounds(space: Space, name: str, given: Span | None) -> tuple[Numbers, Numbers]:
    """Least and greatest of each number of the vector form."""
    if isinstance(space, gym.spaces.Tuple | gym.spaces.Dict):
        parts = [_bounds(part, name, given) for part in _parts(space)]
        return np.concatenate([pair[0] for pair in parts]), np.concatenate([p[1] for p in parts])
    if not isinstance(space, gym.spaces.Box):
        one = np.ones(len(_shares(space)))
        return -one, one
    open_below, open_above = _unbounded(space)
    low, high = space.low.astype(float).ravel(), space.high.astype(float).ravel()
    if not (open_below | open_above).any():
        return low, high
    if given is None:
        raise UserError(
            f"{name} sets no bounds to its actions ({space}): give the range to use as "
            "env.action_bounds=[-1,1], or a wrapper in env.wrappers that declares bounds."
        )
    low, high = np.where(open_below, given[0], low), np.where(open_above, given[1], high)
    if (low > high).any():
        raise UserError(f"env.action_bounds={list(given)} leaves no room in {name}'s {space}.")
    return low, high


def _unbounded(space: gym.spaces.Box) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a Box has no lower, and no upper bound (D,): the largest number counts as none."""
    low, high = space.low.ravel(), space.high.ravel()
    if space.dtype.kind == "f":
        finest = np.finfo(np.float16 if space.dtype == np.float16 else np.float32)
        most = float(finest.max) / 2  # the span of wider bounds overflows
        return ~(low.astype(float) > -most), ~(high.astype(float) < most)
    if space.dtype.itemsize < 4:
        nothing = np.zeros(len(low), bool)
        return nothing, nothing
    limits = np.iinfo(str(space.dtype))
    return (low == limits.min) & (limits.min < 0), high == limits.max


def _assemble(space: Space, vector: NDArray[Any]) -> Any:
    """The action in the environment's own form, of a vector (D,)."""
    if isinstance(space, gym.spaces.Tuple | gym.spaces.Dict):
        parts = _parts(space)
        ends = np.cumsum([_length(part) for part in parts])[:-1]
        pieces = np.split(vector, ends)
        return _join(space, [_assemble(*pair) for pair in zip(parts, pieces, strict=True)])
    if isinstance(space, gym.spaces.Box):
        kept = vector.clip(space.low.ravel(), space.high.ravel()).reshape(space.shape)
        return (np.rint(kept) if space.dtype.kind in "iu" else kept).astype(space.dtype)
    shares = np.array(_shares(space))
    index = np.floor((vector.astype(float) + 1) / 2 * shares).clip(0, shares - 1).astype(np.int64)
    if isinstance(space, gym.spaces.Discrete):
        return space.start + index[0]
    start = space.start if isinstance(space, gym.spaces.MultiDiscrete) else 0
    return (index.reshape(space.shape or ()) + start).astype(space.dtype)


def _parts(space: Space) -> list[Space]:
    assert isinstance(space, gym.spaces.Tuple | gym.spaces.Dict)
    return list(space.spaces.values() if isinstance(space, gym.spaces.Dict) else space.spaces)


def _join(space: Space, parts: Sequence[Any]) -> Any:
    if isinstance(space, gym.spaces.Dict):
        return dict(zip(space.spaces, parts, strict=True))
    return tuple(parts)
