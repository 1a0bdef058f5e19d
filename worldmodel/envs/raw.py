"""One raw environment of gymnasium, in the user's wrappers, or a sentence on why there is none."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from worldmodel.envs.headless import draw_without_display
from worldmodel.envs.packages import (
    describe,
    naming_missing_packages,
    register,
    resolve_wrapper,
    unknown_id,
)
from worldmodel.envs.pictures import SMALLEST
from worldmodel.types import UserError

Env = gym.Env[Any, Any]

# The id of what was imported without an environment.
RECORDED = "recorded"


def make_raw(
    name: str,
    kwargs: Mapping[str, Any],
    modules: Sequence[str],
    max_episode_steps: int | None,
    rendered: bool,
) -> Env:
    """`gymnasium.make`, after importing what registers the id.

    Args:
        name: id, or module:id.
        kwargs: the environment's own arguments.
        modules: imported first.
        max_episode_steps: None: the limit it is registered with.
        rendered: whether `render` is to give frames.

    Raises:
        UserError: for an unknown id, a missing package, arguments that the environment does not
            take, and whatever else its constructor raises.
    """
    if name == RECORDED:
        raise UserError(
            "env.id=recorded stands for what imported episodes show, and can't be played: for "
            "this, import them with the id of an environment that can."
        )
    draw_without_display()  # before MuJoCo is imported
    bare = register(name, modules)
    if bare in gym.registry:
        draw_without_display(_module(gym.registry[bare]))
    mode = {"render_mode": "rgb_array"} if rendered else {}
    with naming_missing_packages(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old versions, and of what is not used here
        try:
            return gym.make(
                bare,
                max_episode_steps=max_episode_steps,
                disable_env_checker=True,
                **{**mode, **kwargs},
            )
        except (gym.error.DependencyNotInstalled, ImportError):
            raise
        except gym.error.Error as error:
            raise unknown_id(name, error, modules) from error
        except Exception as error:
            raise _refusal(name, kwargs, rendered, error) from error


def wrap(env: Env, wrappers: Sequence[Any], name: str) -> Env:
    """Put wrappers around an environment, the first innermost; each callable, or named.

    Raises:
        UserError: for names that lead nowhere, and wrappers that can't be put around it.
    """
    for wrapper in wrappers:
        outer = resolve_wrapper(wrapper)
        try:
            env = outer(env)
        except (TypeError, ValueError, AttributeError, AssertionError) as error:
            raise UserError(
                f"env.wrappers: {_title(wrapper)} can't be put around {name}: {describe(error)}; "
                "arguments are given as "
                "{_target_: mymodule.MyWrapper, _partial_: true, key: value}."
            ) from error
        if not isinstance(env, gym.Env):
            raise UserError(
                f"env.wrappers: {_title(wrapper)} gives a {type(env).__name__}, not an "
                "environment: derive it from gymnasium.Wrapper."
            )
    return env


def _module(spec: gym.envs.registration.EnvSpec) -> str:
    point = spec.entry_point
    return point.partition(":")[0] if isinstance(point, str) else getattr(point, "__module__", "")


def _refusal(name: str, kwargs: Mapping[str, Any], rendered: bool, error: Exception) -> UserError:
    unasked = "argument 'render_mode'" in str(error) or "takes no arguments" in str(error)
    if rendered and unasked and "render_mode" not in kwargs:
        return UserError(
            f"{name}'s constructor takes no render_mode, so it can't be asked for pictures: let "
            "it take render_mode=None, or take env.obs=native if it observes pictures (what has "
            f"fewer than {SMALLEST} rows or columns is not taken for one unasked)."
        )
    # gymnasium adds all the arguments, those given by itself among them.
    said = str(error).partition(" was raised from the environment creator")[0]
    if "required positional argument" in said:
        return UserError(f"{name} needs more in env.kwargs: {said}.")
    if kwargs or "unexpected keyword" in said:
        return UserError(f"{name} refuses env.kwargs={dict(kwargs)}: {said}.")
    return UserError(f"{name} can't be built: {describe(error)}.")


def _title(wrapper: Any) -> str:
    inner = getattr(wrapper, "func", wrapper)
    return inner if isinstance(inner, str) else getattr(inner, "__name__", str(inner))
