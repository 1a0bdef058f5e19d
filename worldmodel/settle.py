"""What a call leaves open of its environment, settled before a stage begins.

A stage sees numbers only, and its config.json keeps them. They come from the run's own earlier
stages, or else from the runs that this one goes on from, or else from a few random episodes.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf, open_dict

from worldmodel.envs.explore import EXPLORERS
from worldmodel.run.compat import current_config, current_target
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import lookup, stage_records
from worldmodel.run.registry import BEFORE
from worldmodel.types import UserError

# Keys that may be left open, and how that is written.
OPEN: dict[str, Any] = {
    "obs": "auto",
    "crop": "auto",
    "frame_skip": None,
    "max_episode_steps": None,
    "explorer": None,
}
# What makes two environments show the same pictures.
SAME = ("id", "kwargs", "wrappers", "obs", "key")
# Explorers that a recorded run may name: its folder may be a stranger's.
OURS = frozenset(f"{each.__module__}.{each.__qualname__}" for each in EXPLORERS)

# Kinds of worlds in which a dream lasts as long as an episode.
DREAMT = ("dream", "hybrid")

Build = Callable[..., Any]


def settle(config: DictConfig, build: Build) -> None:
    """Put values for what `config.env` leaves open, and their names into `config.inferred`.

    Args:
        config: of a command; one without an environment stays as it is.
        build: makes objects of configuration.

    Raises:
        UserError: if the environment has no id, or can't be played.
    """
    env = config.get("env")
    if env is None:
        return
    check_id(config)
    if env.crop_rows is not None or env.crop_cols is not None:
        env.crop = None
    left = [key for key, open_value in OPEN.items() if env.get(key) == open_value]
    if left:
        _settle_env(config, left, build)
    world = config.get("world")
    if world is not None and world.kind in DREAMT:
        _settle_dream(world.config, env, config.infer)


def _settle_env(config: DictConfig, left: list[str], build: Build) -> None:
    """Values for the keys that are left open."""
    env = config.env
    for recorded in _recorded(config):
        _take(env, recorded)
    if any(env.get(key) == OPEN[key] for key in left if key != "explorer"):
        _play(config, build)
    if env.explorer is None:
        env.explorer = config.infer.explorer
    with open_dict(config):
        config.inferred = left


def _settle_dream(dream: DictConfig, env: DictConfig, infer: DictConfig) -> None:
    """How long dreams are, which their YAML may not have known, and where they begin."""
    if dream.max_steps is None:
        dream.max_steps = env.max_episode_steps
    if infer.dream_steps is None or dream.burn_in is not None:
        return
    most = infer.dream_steps * env.frame_skip
    if most < dream.max_steps:
        dream.max_steps = most
        dream.burn_in, dream.first_share = infer.dream_burn_in, infer.dream_first_share


def settled_overrides(config: DictConfig) -> list[str]:
    """What `settle` put into a configuration, as overrides; without the explorer."""
    env, keys = config.get("env"), set(config.get("inferred", ())) - {"explorer"}
    if "crop" in keys:
        keys |= {"crop_rows", "crop_cols"}
    return [f"env.{key}={_written(env[key])}" for key in env or () if key in keys]


def _written(value: Any) -> str:
    return "null" if value is None else str(value).replace(" ", "")


def check_id(config: DictConfig) -> None:
    """Refuse an environment without an id.

    Raises:
        UserError: naming the key.
    """
    if "env" in config and config.env.get("id") is None:
        raise UserError("env.id is null: name an environment, such as env=gym env.id=Acrobot-v1.")


def see_working_folder(config: DictConfig) -> None:
    """Let modules in the working folder be found, if the call names any that are not ours.

    They come last on the path: a file there hides no package.
    """
    env = config.get("env")
    named = [*_code(env)] if env is not None else []
    # Whose values are objects: sets of drawings and performances.
    named += [name for key in ("strokes", "touches") if key in config
              for name in _targets(OmegaConf.to_container(config[key]))]  # fmt: skip
    here = os.getcwd()
    if here not in sys.path and any(not name.startswith("worldmodel.") for name in named):
        sys.path.append(here)


def _code(env: DictConfig) -> Iterator[str]:
    """Names of modules and classes that an environment's configuration asks for."""
    modules = env.get("modules") or ()
    yield from [modules] if isinstance(modules, str) else map(str, modules)
    module, colon, _ = str(env.get("id")).partition(":")
    if colon:
        yield module
    yield from _targets(OmegaConf.to_container(env))
    yield from (name for name in env.get("wrappers") or () if isinstance(name, str))


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _recorded(config: DictConfig) -> Iterator[Mapping[str, Any]]:
    """Environments of the run's own stages, then of those that it goes on from."""
    if "name" not in config:
        return
    given = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    names = [given["name"], *(lookup(given, key) for key in BEFORE)]
    for name in dict.fromkeys(str(name) for name in names if name is not None):
        for path in stage_records(Path(str(given["runs"])), name, int(given["seed"])):
            env = current_config(read_json(path)).get("env")
            if isinstance(env, Mapping):
                yield env


def _take(env: DictConfig, recorded: Mapping[str, Any]) -> None:
    """What is still open, from a record of the same pictures."""
    for key in SAME:
        here, there = env.get(key), recorded.get(key)
        plain = OmegaConf.to_container(here) if OmegaConf.is_config(here) else here
        if plain != there and not (key in OPEN and here == OPEN[key]):
            return
    for key, open_value in OPEN.items():
        value = recorded.get(key)
        if env.get(key) != open_value or (value == open_value and key != "crop"):
            continue
        if key == "crop" and "crop_rows" in recorded and value is None:
            env.crop, env.crop_rows = None, recorded["crop_rows"]
            env.crop_cols = recorded["crop_cols"]
        elif key == "explorer" and {*map(current_target, _targets(value))} <= OURS:
            env.explorer = value
        elif key not in ("crop", "explorer"):
            env[key] = value


def _play(config: DictConfig, build: Build) -> None:
    from worldmodel.envs.infer import infer  # by what it imports, only where it is needed

    env = config.env
    found = infer(build(env), build(config.infer))
    print(f"{found.sentence}.", flush=True)
    env.obs, env.crop = found.obs, None
    env.max_episode_steps, env.frame_skip = found.max_episode_steps, found.frame_skip
    for key, span in (("crop_rows", found.crop_rows), ("crop_cols", found.crop_cols)):
        env[key] = None if span is None else list(span)
