"""The few types that every room of the house shares. Imports nothing of the project."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Frames = NDArray[np.uint8]


class UserError(Exception):
    """Something the person at the terminal can mend: one sentence, printed without a traceback."""


USUAL_FPS = 50.0  # of an environment that does not say how fast it is


@dataclass(frozen=True)
class EnvSpec:
    """All that the models need to know of an environment, after preprocessing.

    An action is one float32 vector everywhere: the raw action for a continuous space, a one-hot
    vector for a discrete one. `squash` says how the controller's tanh output reaches each
    continuous dimension: "scale" maps [-1, 1] onto [low, high], "clip" cuts it at low and high, and
    "off" holds the dimension at 0, whatever the controller says. A factor may follow: "clip*0.2"
    reaches a fifth as far as "clip".

    `finished` says which episodes count as finished, such as a lap driven to its end: those that
    the environment "terminated", those among them whose last step was also "rewarded", or none.

    `fps` is how many env steps make a second of the game, None where the environment does not say.
    """

    id: str
    obs_shape: tuple[int, int, int]
    action_low: tuple[float, ...] | None
    action_high: tuple[float, ...] | None
    n_actions: int | None
    squash: tuple[str, ...]
    max_episode_steps: int
    frame_skip: int
    reward_range: tuple[float, float] | None
    solved_at: float | None
    finished: str | None = None
    action_dtype: str | None = None
    fps: float | None = None

    @property
    def discrete(self) -> bool:
        """Whether the action space is Discrete(n_actions)."""
        return self.n_actions is not None

    @property
    def action_dim(self) -> int:
        """Length of the action vector."""
        if self.n_actions is not None:
            return self.n_actions
        assert self.action_low is not None
        return len(self.action_low)

    @property
    def reach(self) -> tuple[float, ...]:
        """The factors of `squash`, 0 where it is off."""
        return tuple(split_squash(how)[1] for how in self.squash)

    @property
    def clips(self) -> tuple[bool, ...]:
        """Which dimensions are cut at low and high."""
        return tuple(split_squash(how)[0] == "clip" for how in self.squash)

    def to_env(self, action: FloatArray) -> NDArray[Any]:
        """Turn action vectors (N, action_dim) into what the environment's `step` takes.

        Numbers are rounded where it takes whole ones, and end within its bounds: float32 may step
        over those of a finer type.
        """
        if self.discrete:
            return action.argmax(-1).astype(np.int64)
        dtype = np.dtype(self.action_dtype or np.float32)
        finer = action if dtype.kind == "f" else np.rint(action.astype(np.float64))
        exact = np.promote_types(dtype, np.float32) if dtype.kind == "f" else np.dtype(np.float64)
        low, high = np.array(self.action_low, exact), np.array(self.action_high, exact)
        kept: NDArray[Any] = finer.astype(exact).clip(low, high).astype(dtype)
        return kept

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, for JSON and checkpoints."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        for name in ("finished", "action_dtype", "fps"):
            if plain[name] is None:  # as in files from before there was a choice
                del plain[name]
        return plain

    @property
    def steps_per_second(self) -> float:
        """Agent steps of a second of the game."""
        return (self.fps or USUAL_FPS) / self.frame_skip

    def differences(self, other: "EnvSpec") -> list[tuple[str, Any, Any]]:
        """(name, here, there) of what makes `other` another environment.

        What only describes scores does not, nor the type that actions are rounded to, and how a
        controller's outputs become actions is the controller's own.
        """
        described = {"squash", "reward_range", "solved_at", "finished", "action_dtype", "fps"}
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name))
                 for field in fields(self) if field.name not in described)  # fmt: skip
        return [(name, here, there) for name, here, there in pairs if here != there]

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "EnvSpec":
        """Inverse of `to_dict`."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        return cls(**fields)


def split_squash(how: str) -> tuple[str, float]:
    """("clip", 0.2) of "clip*0.2".

    Raises:
        ValueError: if it is neither of scale, clip and off, or its factor not in (0, 1].
    """
    name, star, factor = how.partition("*")
    try:
        reach = float(factor) if star else float(name != "off")
    except ValueError:
        reach = math.nan
    if name not in ("scale", "clip", "off") or not (name == "off" or 0 < reach <= 1):
        raise ValueError(f"{how!r} is not scale, clip or off, or a factor behind it not in (0, 1]")
    return name, reach if name != "off" else 0.0


@dataclass(frozen=True)
class Episode:
    """One episode of T steps. `obs` has T + 1 rows: the last one is where the episode ended."""

    obs: Frames  # (T+1, H, W, C)
    action: FloatArray  # (T, action_dim)
    reward: FloatArray  # (T,)
    terminated: BoolArray  # (T,)
    truncated: BoolArray  # (T,)
    seed: int

    def __len__(self) -> int:
        return len(self.reward)


class VectorEnv(Protocol):
    """Many copies of one environment stepped together; finished ones are simply not stepped again.

    `reset` builds one fresh environment per seed, so an episode depends on its seed alone.
    """

    spec: EnvSpec

    def reset(self, seeds: Sequence[int]) -> Frames:
        """Start len(seeds) episodes; returns obs (N, H, W, C) uint8."""
        ...

    def step(
        self, action: FloatArray, ids: IntArray
    ) -> tuple[Frames, FloatArray, BoolArray, BoolArray]:
        """Step only `ids` (k,): obs (k, H, W, C), reward, terminated and truncated (k,)."""
        ...

    def close(self) -> None:
        """Free the environments."""
        ...


class Explorer(Protocol):
    """Draws the actions of a whole episode from a seed, before the episode starts."""

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim)."""
        ...


class World(Protocol):
    """Where controllers are tried: the real environment or the dream; CMA-ES can't tell."""

    def evaluate(
        self, params: FloatArray, seeds: Sequence[int], *, generation: int | None
    ) -> tuple[FloatArray, IntArray]:
        """Returns and lengths (P, R) of P parameter vectors (P, n) on the same R seeds.

        `generation` is that of the search that asks; None switches off what may only be used while
        learning, such as the early cut.
        """
        ...

    def evaluate_groups(
        self, groups: Sequence[tuple[FloatArray, Sequence[int]]], *, generation: int | None
    ) -> list[tuple[FloatArray, IntArray]]:
        """`evaluate` of several groups of candidates, each on seeds of its own."""
        return [self.evaluate(*group, generation=generation) for group in groups]

    def close(self) -> None:
        """Free what it holds."""
        ...


Worker = Callable[[Any], Any]


class Backend(Protocol):
    """Runs jobs on workers. A job carries its own seed: results don't depend on who ran it."""

    def map(
        self, make_worker: Callable[[], Worker], jobs: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index of job, result) as jobs end, in any order."""
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...


TrainBatch = Tensor | Mapping[str, Tensor]
Logs = dict[str, Tensor]


class TrainData(Protocol):
    """Batches as a function of the step, so that a resumed run sees what an unbroken one would."""

    def batches(self, start: int) -> Iterator[TrainBatch]:
        """Endless training batches from step `start` on."""
        ...

    def holdout(self) -> Iterable[TrainBatch]:
        """The same held-out batches at every call."""
        ...
