"""From one YAML file to an environment of 64×64 RGB frames and to its EnvSpec."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium as gym

from worldmodel.envs.actions import flatten_actions, read_actions
from worldmodel.envs.packages import naming_missing_packages
from worldmodel.envs.pictures import Filmed, PictureObs, choose_obs, choose_picture, render
from worldmodel.envs.probe import changes, check_pictures
from worldmodel.envs.raw import make_raw, wrap
from worldmodel.envs.wrappers import CropResize, FrameSkip, RenderObs, Span
from worldmodel.types import EnvSpec, Explorer, UserError, split_squash

Env = gym.Env[Any, Any]

SIZE = 64  # rows and columns of the frames that V takes


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
        action_bounds: least and greatest value of actions that the environment leaves unbounded;
            null: such an environment is refused.
        wrappers: callables env -> env or their dotted names, applied in order to the raw
            environment.
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
    action_bounds: tuple[float, float] | None = None
    wrappers: tuple[Callable[[Env], Env] | str, ...] = ()
    fast_id: str | None = None
    fast_kwargs: dict[str, Any] = field(default_factory=dict)
    envpool_id: str | None = None
    envpool_kwargs: dict[str, Any] = field(default_factory=dict)
    reward_range: tuple[float, float] | None = None
    solved_at: float | None = None
    explorer: Explorer | None = None
    finished: str | None = None

    def __post_init__(self) -> None:
        for name in ("modules", "crop_rows", "crop_cols", "squash", "action_bounds", "wrappers",
                     "reward_range"):  # fmt: skip
            object.__setattr__(self, name, _as_tuple(name, getattr(self, name)))
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
        most, skip = self.max_episode_steps, self.frame_skip
        if most is not None and skip is not None and skip > most:
            raise ValueError(
                f"env.frame_skip is {skip}: an episode has no more than {most} env steps "
                "(env.max_episode_steps)"
            )
        if self.finished not in (None, "terminated", "rewarded"):
            raise ValueError(
                f"env.finished is {self.finished!r}: use terminated or rewarded; null is allowed"
            )
        bounds = self.action_bounds
        if bounds is not None and not (
            all(isinstance(bound, int | float) for bound in bounds)
            and len(bounds) == 2
            and -math.inf < bounds[0] < bounds[1] < math.inf
        ):
            raise ValueError(f"env.action_bounds is {list(bounds)}: it must be [a, b] with a < b")
        for how in self.squash or ():
            try:
                split_squash(how)
            except ValueError as error:
                raise ValueError(f"env.squash: {error}") from error

    def needs_explorer(self) -> Explorer:
        """What draws the actions of the first episodes.

        Raises:
            UserError: where that was left open, or names no class.
        """
        if self.explorer is None:
            raise UserError("env.explorer is null: name a class that draws the first actions.")
        if not callable(self.explorer):
            raise UserError(
                f"env.explorer is {self.explorer}, without a class: name it by _target_, or leave "
                "out the experiment=… that is for another environment's explorer."
            )
        return self.explorer


def _as_tuple(name: str, value: Any) -> tuple[Any, ...] | None:
    if isinstance(value, str) and name in ("modules", "wrappers"):
        return (value,)
    if value is None or isinstance(value, list | tuple):
        return None if value is None else tuple(value)
    raise ValueError(f"env.{name} is {value!r}: it must be a list, such as env.{name}=[…]")


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
    env = make_undrawn(config)
    if config.obs == "render":
        return RenderObs(env)
    return PictureObs(env, choose_picture(config.id, env.observation_space, config.key), config.id)


def make_undrawn(config: EnvConfig) -> Env:
    """`make_whole` without pictures: what it observes is as the environment has it."""
    env = flatten_actions(_make_wrapped(config), config.id, config.action_bounds)
    return FrameSkip(env, config.frame_skip or 1, on_demand=not config.wrappers)


def find_obs(config: EnvConfig) -> str:
    """Settle "auto": "native" where the environment observes pictures, else "render"."""
    if config.obs != "auto":
        return config.obs
    env = _make_wrapped(replace(config, obs="native"))
    env.close()
    return choose_obs(env.observation_space, config.key)


def make_spec(config: EnvConfig) -> EnvSpec:
    """Read the spec off one environment built for the purpose.

    Raises:
        UserError: as `make_env`, for a crop outside the frame, for pictures that never change, for
            frames of another size than V takes, or where squash has another length than the
            action.
    """
    if config.size != SIZE:
        raise UserError(f"env.size is {config.size}: V takes frames of {SIZE} rows and columns.")
    env = make_env(config)
    try:
        low, high, n_actions, dtype = read_actions(env.action_space)
        fps = env.metadata.get("render_fps")
        cropped = not (config.crop_rows is None and config.crop_cols is None)
        with naming_missing_packages(config.id):  # a missing pygame shows only in the first frame
            check_pictures(env, config.id, config.obs, cropped)
    finally:
        env.close()
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
        action_dtype=dtype,
        fps=float(fps) if isinstance(fps, int | float) and fps > 0 else None,
    )


def make_filmed(config: EnvConfig) -> Env:
    """`make_env`, whose `render` gives a frame (H, W, 1 or 3) for a film.

    It is what the environment draws, or, where it draws nothing, the picture that it observes.

    Raises:
        UserError: as `make_env`.
    """
    asked = replace(config, kwargs={**config.kwargs, "render_mode": "rgb_array"})
    return Filmed(make_env(asked), True) if _draws(asked) else Filmed(make_env(config), False)


def _draws(config: EnvConfig) -> bool:
    if config.obs == "render":
        return True
    try:
        env = make_env(config)
        try:
            return changes(env, lambda: render(env))
        finally:
            env.close()
    except (UserError, gym.error.Error, ImportError):
        return False


def _make_wrapped(config: EnvConfig) -> Env:
    rendered = config.obs == "render"
    limit = config.max_episode_steps
    env = make_raw(config.id, config.kwargs, config.modules, limit, rendered)
    return wrap(env, config.wrappers, config.id)
