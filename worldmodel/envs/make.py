"""From one YAML file to an environment of 64×64 RGB frames and to its EnvSpec."""

import contextlib
import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium as gym
import numpy as np

from worldmodel.envs.wrappers import CropResize, FrameSkip, RenderObs, Span
from worldmodel.run.layout import install_command
from worldmodel.types import EnvSpec, Explorer, UserError, split_squash

Env = gym.Env[Any, Any]

# What a message about a missing package mentions -> the extra of pyproject.toml that brings it.
_EXTRAS = {
    "box2d": "box2d",
    "classic-control": "classic",
    "pygame": "classic",
    "vizdoom": "doom",
    "ale": "atari",
    "envpool": "envpool",
}


@dataclass(frozen=True)
class EnvConfig:
    """One environment, as conf/env/<name>.yaml writes it down.

    All but the id has a default. What a default leaves open ("auto", and null where the word
    "inferred" stands below) is settled before a stage begins.

    Attributes:
        id: gymnasium id.
        kwargs: arguments of `gymnasium.make`.
        modules: imported first, so that they register their ids.
        obs: "native" takes pixel observations, "render" takes rendered frames; "auto" takes
            observations where they are pictures, or have one in them.
        key: entry of a Dict observation that is the picture; null: the only one that can be.
        crop: "auto" infers rows and columns unless some are given; null takes what is given.
        crop_rows: keep frame rows [a, b); null keeps all.
        crop_cols: keep frame columns [a, b); null keeps all.
        size: side of the square frame that the models see.
        frame_skip: env steps per agent step; null: inferred.
        max_episode_steps: cut after so many env steps; null: inferred.
        reuse: whether a seeded reset gives the same episode as a new instance would; then
            instances are kept from episode to episode.
        squash: "scale", "clip" or "off" per continuous action dimension, with a factor behind it
            or none (see EnvSpec); null: all "scale".
        wrappers: callables env -> env, applied in order to the raw environment.
        fast_id: gymnasium id of the same environment with cheaper frames, for all but scores; null
            if there is none.
        fast_kwargs: its arguments of `gymnasium.make` besides `kwargs`.
        envpool_id: id of the same environment in EnvPool; null if it has none.
        envpool_kwargs: arguments of `envpool.make_gymnasium`.
        reward_range: bounds of the reward of one env step; null if unknown.
        solved_at: mean return that counts as solved; null if there is none.
        finished: which episodes count as finished, see `EnvSpec`; null: none.
        explorer: draws the actions of the first, random episodes; null: inferred.
    """

    id: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    obs: str = "auto"
    key: str | None = None
    crop: str | None = None
    crop_rows: Span | None = None
    crop_cols: Span | None = None
    size: int = 64
    frame_skip: int | None = None
    max_episode_steps: int | None = None
    reuse: bool = False
    squash: tuple[str, ...] | None = None
    wrappers: tuple[Callable[[Env], Env], ...] = ()
    fast_id: str | None = None
    fast_kwargs: dict[str, Any] = field(default_factory=dict)
    envpool_id: str | None = None
    envpool_kwargs: dict[str, Any] = field(default_factory=dict)
    reward_range: tuple[float, float] | None = None
    solved_at: float | None = None
    explorer: Explorer | None = None
    finished: str | None = None

    def __post_init__(self) -> None:
        for name in ("modules", "crop_rows", "crop_cols", "squash", "wrappers", "reward_range"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else tuple(value))
        if self.obs not in ("native", "render", "auto"):
            raise ValueError(f"env.obs is {self.obs!r}: it must be native, render or auto")
        if self.crop not in (None, "auto"):
            raise ValueError(
                f"env.crop is {self.crop!r}: it must be auto or null; give numbers as "
                "env.crop_rows=[a,b] and env.crop_cols=[a,b]"
            )
        for name in ("crop_rows", "crop_cols"):
            span = getattr(self, name)
            if span is not None and not (len(span) == 2 and 0 <= span[0] < span[1]):
                raise ValueError(f"env.{name} is {list(span)}: it must be [a, b] with 0 <= a < b")
        for name in ("size", "frame_skip", "max_episode_steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"env.{name} is {getattr(self, name)}: it must be at least 1")
        if self.finished not in (None, "terminated", "rewarded"):
            raise ValueError(
                f"env.finished is {self.finished!r}: use terminated or rewarded; null is allowed"
            )
        for how in self.squash or ():
            try:
                split_squash(how)
            except ValueError as error:
                raise ValueError(f"env.squash: {error}") from error

    def needs_explorer(self) -> Explorer:
        """What draws the actions of the first episodes.

        Raises:
            UserError: where that was left open.
        """
        if self.explorer is None:
            raise UserError("env.explorer is null: name a class that draws the first actions.")
        return self.explorer


def make_env(config: EnvConfig) -> Env:
    """Build the environment: obs (size, size, 3) uint8, native actions, frame skip inside.

    The time limit counts env steps, before frame skip. What the config leaves open has here the
    simplest value: no frame skip, no crop, and the time limit that gymnasium has.

    Raises:
        UserError: for an unknown id, a missing package, arguments that the environment does not
            take, or observations that are no frames.
    """
    return CropResize(make_whole(config), config.crop_rows, config.crop_cols, config.size)


def make_whole(config: EnvConfig) -> Env:
    """`make_env` without crop and scaling: pictures as the environment shows them."""
    config = replace(config, obs=find_obs(config))
    env = _make_wrapped(config)
    if config.obs == "native":
        _check_frames(config, env.observation_space)
    env = FrameSkip(env, config.frame_skip or 1, on_demand=not config.wrappers)
    return RenderObs(env) if config.obs == "render" else env


def find_obs(config: EnvConfig) -> str:
    """Settle "auto": "native" where the environment observes pictures, else "render"."""
    if config.obs != "auto":
        return config.obs
    env = _make_wrapped(replace(config, obs="native"))
    env.close()
    return "native" if _are_frames(env.observation_space) else "render"


def make_spec(config: EnvConfig) -> EnvSpec:
    """Read the spec off one environment built for the purpose.

    Raises:
        UserError: as `make_env`, for a crop outside the frame, for an action space other than a
            finite one-dimensional Box or a Discrete that starts at 0, or where squash has another
            length than the action.
    """
    env = make_env(config)
    space = env.action_space
    with _naming_missing_packages(config):
        env.reset(seed=0)  # draws a frame: a crop outside of it or a missing pygame shows here
    env.close()
    low, high, n_actions = _read_actions(config.id, space)
    limit = config.max_episode_steps
    if limit is None and env.spec is not None:
        limit = env.spec.max_episode_steps
    if limit is None:
        raise UserError(f"{config.id} has no time limit: give env.max_episode_steps.")
    squash = config.squash if config.squash is not None else ("scale",) * len(low or ())
    if len(squash) != len(low or ()):
        raise UserError(
            f"env.squash has {len(squash)} entries but {config.id} has {len(low or ())} continuous "
            "action dimensions: give one entry per dimension, or null."
        )
    return EnvSpec(
        id=config.id,
        obs_shape=(config.size, config.size, 3),
        action_low=low,
        action_high=high,
        n_actions=n_actions,
        squash=squash,
        max_episode_steps=limit,
        frame_skip=config.frame_skip or 1,
        reward_range=config.reward_range,
        solved_at=config.solved_at,
        finished=config.finished,
    )


def _make_wrapped(config: EnvConfig) -> Env:
    env = _make_raw(config)
    for wrap in config.wrappers:
        env = wrap(env)
    return env


def _make_raw(config: EnvConfig) -> Env:
    # Without these, pygame asks for a display and a sound card that a server does not have.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    render = {"render_mode": "rgb_array"} if config.obs == "render" else {}
    with _naming_missing_packages(config), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for module in config.modules:
            importlib.import_module(module)
        try:
            return gym.make(
                config.id,
                max_episode_steps=config.max_episode_steps,
                disable_env_checker=True,
                **(render | config.kwargs),
            )
        except gym.error.DependencyNotInstalled:
            raise
        except gym.error.NamespaceNotFound as error:
            raise UserError(
                f"Unknown environment {config.id}: {error} Name the module that registers it in "
                "env.modules."
            ) from error
        except gym.error.Error as error:
            raise UserError(f"Unknown environment {config.id}: {error}") from error
        except (TypeError, ValueError, AttributeError, FileNotFoundError) as error:
            raise UserError(f"{config.id} refuses env.kwargs={config.kwargs}: {error}.") from error


@contextlib.contextmanager
def _naming_missing_packages(config: EnvConfig) -> Iterator[None]:
    try:
        yield
    except (gym.error.DependencyNotInstalled, ImportError) as error:
        raise UserError(f"{config.id} needs a package that is missing: {_cure(error)}") from error


def _cure(error: Exception) -> str:
    text = str(error).lower()
    for mentioned, extra in _EXTRAS.items():
        if mentioned in text:
            return f"run {install_command(extra)}."
    return f"{error}."


def _check_frames(config: EnvConfig, space: gym.Space[Any]) -> None:
    if not _are_frames(space):
        raise UserError(
            f"{config.id} observes {space}, not frames of (height, width, 1 or 3) bytes: "
            "set env.obs=render."
        )


def _are_frames(space: gym.Space[Any]) -> bool:
    shape = space.shape or ()
    grey = len(shape) == 2
    return space.dtype == np.uint8 and (grey or (len(shape) == 3 and shape[-1] in (1, 3)))


Bounds = tuple[float, ...] | None


def _read_actions(name: str, space: gym.Space[Any]) -> tuple[Bounds, Bounds, int | None]:
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return None, None, int(space.n)
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1:
        low, high = space.low.astype(float), space.high.astype(float)
        if np.isfinite(low).all() and np.isfinite(high).all():
            return tuple(low.tolist()), tuple(high.tolist()), None
    raise UserError(
        f"{name} has the action space {space}: only a finite one-dimensional Box and a Discrete "
        "that starts at 0 are supported; add a wrapper to env.wrappers that turns it into one."
    )
