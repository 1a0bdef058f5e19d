"""What an environment's file leaves open, found out by playing a few random episodes."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldmodel.envs.make import Env, EnvConfig, find_obs, make_spec, make_undrawn, make_whole
from worldmodel.envs.wrappers import Span
from worldmodel.seed import derive
from worldmodel.types import EnvSpec, Explorer, Frames

EPISODES = 3  # whose lengths tell how long they are where no limit is known
LOOK = 16  # agent steps after which it is looked at again whether anything can be cut


@dataclass(frozen=True)
class InferConfig:
    """How it is found out. Env steps are those of the environment, before frame skip.

    Attributes:
        max_steps: time limit in env steps where neither gymnasium nor the environment knows one;
            the frame skip then follows the length of a few random episodes.
        agent_steps: an episode is to have about so many agent steps, at most.
        skip: greatest frame skip.
        long: env steps of an episode above which `long_skip` is the greatest instead.
        long_skip: greatest frame skip of long episodes.
        own_skip: least frame skip, if any, of an environment that itself repeats each action.
        play: agent steps that are played to see what varies, at most.
        episodes: episodes that are played for it, at most.
        change: a pixel varies if a colour of it changes by more than this, of 255.
        pad: what is kept around the pixels that vary, as a multiple of their height or width,
            whichever is more: an agent gets farther than random play.
        gain: rows, or columns, are cut only if that is more than this share of them.
        explorer: draws the actions.
        dream_steps: agent steps of a dream, at most; null: as long as an episode. Dreams that are
            shorter than that begin anywhere in the collected episodes.
        dream_burn_in: agent steps that M follows before those, see `DreamConfig`.
        dream_first_share: share of those that begin at first frames even so.
    """

    max_steps: int
    agent_steps: int
    skip: int
    long: int
    long_skip: int
    own_skip: int
    play: int
    episodes: int
    change: int
    pad: float
    gain: float
    explorer: Explorer
    dream_steps: int | None
    dream_burn_in: int
    dream_first_share: float

    def __post_init__(self) -> None:
        for name in ("max_steps", "agent_steps", "skip", "long_skip", "own_skip", "play",
                     "episodes"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"infer.{name} is {getattr(self, name)}: it must be at least 1")
        if self.dream_steps is not None and self.dream_steps < 1:
            raise ValueError(
                f"infer.dream_steps is {self.dream_steps}: it must be at least 1 or null"
            )
        if self.pad < 0:
            raise ValueError(f"infer.pad is {self.pad}: it can't be negative")
        if not 0 <= self.gain <= 1:
            raise ValueError(f"infer.gain is {self.gain}: use 0 to 1")


@dataclass(frozen=True)
class Inferred:
    """What was found out, and a sentence on it."""

    obs: str
    max_episode_steps: int
    frame_skip: int
    crop_rows: Span | None
    crop_cols: Span | None
    sentence: str


def infer(config: EnvConfig, how: InferConfig) -> Inferred:
    """Settle what `config` leaves open; what it gives stays. The same at every call.

    Raises:
        UserError: as `make_env` and `make_spec`.
    """
    config = replace(config, obs=find_obs(config))
    env = make_whole(replace(config, frame_skip=1))
    try:
        limit, own = _limit(env), _own_repeats(env)
    finally:
        env.close()
    known = config.max_episode_steps or limit
    limit = known or how.max_steps
    config = replace(config, max_episode_steps=limit)
    if config.frame_skip is None:
        length = limit if known else _longest(config, how)
        config = replace(config, frame_skip=choose_skip(length, own, how))
    spec = make_spec(config)
    skip = spec.frame_skip
    rows, cols = config.crop_rows, config.crop_cols
    if config.crop == "auto" and rows is None and cols is None:
        rows, cols = find_crop(config, spec, how)
    return Inferred(config.obs, limit, skip, rows, cols, _sentence(config, spec, rows, cols))


def choose_skip(limit: int, own: int, how: InferConfig) -> int:
    """Frame skip for episodes of `limit` env steps, in each of which an action is done `own` times.

    A search over controllers needs many episodes, and M has to look ahead fewer steps.
    """
    most = how.long_skip if limit > how.long else how.skip
    skip = min(math.ceil(limit / how.agent_steps), most)
    return skip if own == 1 or skip == 1 else max(math.ceil(skip / own), how.own_skip)


def find_crop(
    config: EnvConfig, spec: EnvSpec, how: InferConfig
) -> tuple[Span | None, Span | None]:
    """The rows and columns that matter in random play; None where all do.

    Borders are cut where no pixel changed in all of random play, with a wide margin for what an
    agent gets to later, and only as far as nothing is drawn there.
    """
    env = make_whole(config)
    try:
        seen = _Seen(how)
        played = 0
        for episode in range(how.episodes):
            if played >= how.play or seen.whole():
                break
            seed = derive(0, "infer", episode)
            steps = math.ceil(spec.max_episode_steps / spec.frame_skip)
            actions = spec.to_env(how.explorer(spec, seed, steps))
            seen.look(env.reset(seed=seed)[0])
            for action in actions:
                obs, _, terminated, truncated, _ = env.step(action)
                seen.look(obs)
                played += 1
                looks = played % LOOK == 0 and seen.whole()
                if terminated or truncated or looks or played >= how.play:
                    break
        return seen.spans()
    finally:
        env.close()


class _Seen:
    """Darkest and brightest value of every pixel so far."""

    def __init__(self, how: InferConfig) -> None:
        self._how = how
        self._low: NDArray[np.uint8] | None = None
        self._high = np.empty(0, np.uint8)

    def look(self, picture: Frames) -> None:
        if self._low is None:
            self._low, self._high = picture.copy(), picture.copy()
        else:
            np.minimum(self._low, picture, out=self._low)
            np.maximum(self._high, picture, out=self._high)

    def whole(self) -> bool:
        """Whether nothing can be cut any more."""
        return self._low is not None and self.spans() == (None, None)

    def spans(self) -> tuple[Span | None, Span | None]:
        assert self._low is not None
        low = self._low.reshape(*self._low.shape[:2], -1).astype(np.int16)
        varies = (self._high.reshape(low.shape) - low).max(-1) > self._how.change
        if not varies.any():
            return None, None
        extents = [np.flatnonzero(varies.any(1 - axis)) for axis in (0, 1)]
        margin = self._how.pad * max(int(np.ptp(at)) + 1 for at in extents)
        return self._span(low, extents[0], margin), self._span(
            low.swapaxes(0, 1), extents[1], margin
        )

    def _span(self, still: NDArray[np.int16], at: NDArray[np.intp], margin: float) -> Span | None:
        """What to keep of the rows of `still`, of which those `at` vary."""
        rows = len(still)
        before = min(math.floor(at[0] - margin), self._blank(still[: at[0]]))
        after = min(math.floor(rows - 1 - at[-1] - margin), self._blank(still[at[-1] + 1 :][::-1]))
        span = max(before, 0), rows - max(after, 0)
        return span if rows - (span[1] - span[0]) > self._how.gain * rows else None

    def _blank(self, border: NDArray[np.int16]) -> int:
        """How many rows of a border, from outside, are all the same: nothing is drawn there."""
        if not len(border):
            return 0
        differs = np.flatnonzero((abs(border - border[0]) > self._how.change).any((1, 2)))
        return int(differs[0]) if len(differs) else len(border)


def _limit(env: Env) -> int | None:
    """The time limit that gymnasium knows, or the one that the environment itself keeps to."""
    registered = None if env.spec is None else env.spec.max_episode_steps
    bare: Any = env.unwrapped
    named = [getattr(bare, name, None) for name in ("max_episode_steps", "max_steps")]
    if hasattr(getattr(bare, "game", None), "get_episode_timeout"):  # ViZDoom's
        named.append(bare.game.get_episode_timeout())
    own = [steps for steps in named if type(steps) is int and steps > 0]
    return registered or next(iter(own), None)


def _longest(config: EnvConfig, how: InferConfig) -> int:
    """Env steps of the longest of a few random episodes; the limit, if one goes on and on."""
    config = replace(config, frame_skip=1)
    spec, env = make_spec(config), make_undrawn(config)
    most = min(spec.max_episode_steps, 2 * how.agent_steps)
    try:
        lengths = []
        for episode in range(EPISODES):
            seed = derive(0, "infer", episode)
            env.reset(seed=seed)
            for step, action in enumerate(spec.to_env(how.explorer(spec, seed, most))):
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    lengths.append(step + 1)
                    break
            else:
                return spec.max_episode_steps
        return max(lengths)
    finally:
        env.close()


def _own_repeats(env: Env) -> int:
    """How often the environment itself does an action in each step, where its arguments say so."""
    kwargs: dict[str, Any] = {} if env.spec is None else env.spec.kwargs
    repeats = kwargs.get("frameskip", kwargs.get("frame_skip", 1))
    if isinstance(repeats, list | tuple):  # drawn between two numbers
        repeats = max(repeats, default=1)
    return repeats if isinstance(repeats, int) else 1


def _sentence(config: EnvConfig, spec: EnvSpec, rows: Span | None, cols: Span | None) -> str:
    kept = [f"{name} {span[0]} to {span[1]}" for name, span in (("rows", rows), ("columns", cols))
            if span is not None]  # fmt: skip
    many = "s" if spec.action_dim > 1 else ""
    return (
        f"{config.id}: {'observed' if config.obs == 'native' else 'rendered'} pictures, "
        f"{'whole' if not kept else 'cropped to ' + ' and '.join(kept)}, "
        f"frame skip {spec.frame_skip}, at most {spec.max_episode_steps} env steps, "
        f"{spec.action_dim} {'' if spec.discrete else 'continuous '}action{many}"
    )
