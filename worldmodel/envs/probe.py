"""A first look at an environment: whether it plays at all, and whether its pictures change."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from worldmodel.envs.packages import describe
from worldmodel.types import Frames, UserError

STEPS = 100  # random steps after which a picture that never changed is none

Env = gym.Env[Any, Any]


def changes(env: Env, look: Callable[[], Frames] | None = None) -> bool:
    """Whether pictures change within `STEPS` random steps, over as many episodes as these take.

    Stops at the first change.

    Args:
        env: made by `make_env`.
        look: what to look at; None: what the environment observes.
    """
    env.action_space.seed(0)
    episode = 0
    obs, _ = env.reset(seed=episode)
    first = np.copy(obs if look is None else look())  # some draw on the same canvas again
    for _ in range(STEPS):
        obs, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if not np.array_equal(obs if look is None else look(), first):
            return True
        if terminated or truncated:
            episode += 1
            obs, _ = env.reset(seed=episode)
    return False


def check_pictures(env: Env, name: str, obs: str, cropped: bool) -> None:
    """Play at random until the picture changes.

    Args:
        env: made by `make_env`.
        name: for what an error says, as `obs` (native or render) and whether it is `cropped`.

    Raises:
        UserError: where nothing changes, or the environment fails.
    """
    with naming_failures(name):
        if changes(env):
            return
    last = env.get_wrapper_attr("uncropped")
    blank = " (all of one colour)" if (last == last[:1, :1]).all() else ""
    if cropped:
        cure = "set env.crop_rows=null and env.crop_cols=null to see all of it"
    elif obs == "render":
        cure = (
            "see what its render() draws, take env.obs=native if it observes pictures, or, where "
            "pygame draws, set the environment variable SDL_VIDEODRIVER=offscreen"
        )
    else:
        cure = "take env.obs=render if it can draw itself"
    raise UserError(f"{name} shows the same picture{blank} in {STEPS} random steps: {cure}.")


@contextlib.contextmanager
def naming_failures(name: str) -> Iterator[None]:
    """Turn what an environment raises while it is tried out into a UserError.

    Raises:
        UserError: with the place of the mistake, or with the API that it does not keep to.
    """
    try:
        yield
    except (UserError, gym.error.DependencyNotInstalled, ImportError):
        raise
    except Exception as error:
        if isinstance(error, ValueError) and "values to unpack" in str(error):
            raise UserError(
                f"{name} has another API than gymnasium's: reset(seed=…) must return "
                "(observation, info), and step (observation, reward, terminated, truncated, info)."
            ) from error
        raise UserError(f"{name} fails in its first steps: {describe(error)}.") from error
