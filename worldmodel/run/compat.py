"""What older runs and older YAML call by another name. Imports nothing of the project.

A begun run goes on after a class has moved or a key has a better name. Both are written down here
and nowhere else.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

# Old key -> the key that has taken its place.
RENAMED = {
    "world.config.watch": "world.config.burn_in",
    "ship.to": "export.to",
}

# Keys that runs made before they were there lack -> what was done then; null needs no place here.
ADDED = {
    "collect.agent_checkpoint": "best",
    "collect.agent_noise": 0.0,
    "collect.explorer_share": 0.3,
    "collect.explorer_stretch": 10,
    "evolve.cma.centered": False,
}

# Keys that describe results and change none: they may differ between two calls of one run.
DESCRIPTIVE = ("env.reward_range", "env.solved_at", "env.finished")

# Modules of classes that a `_target_` may name -> where they are now.
MOVED = {
    "worldmodel.rollout.collect": "worldmodel.stages.collect",
    "worldmodel.rollout.dynamics": "worldmodel.dream.dynamics",
    "worldmodel.rollout.play_dream": "worldmodel.stages.play_dream",
    "worldmodel.rollout.score": "worldmodel.stages.evaluate",
    "worldmodel.train.mdnrnn": "worldmodel.stages.train_mdnrnn",
}


def current_key(key: str) -> str:
    """The present name of a dotted key."""
    return RENAMED.get(key, key)


def current_target(target: str) -> str:
    """The present place of a class that a `_target_` names."""
    module, _, name = target.rpartition(".")
    return f"{MOVED.get(module, module)}.{name}"


def current_targets(node: Any) -> Any:
    """A copy of plain configuration with every `_target_` in its present place."""
    if isinstance(node, Mapping):
        return {
            key: current_target(value)
            if key == "_target_" and isinstance(value, str)
            else current_targets(value)
            for key, value in node.items()
        }
    return [current_targets(value) for value in node] if isinstance(node, list) else node


def current_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with every key under its present name, and with those that it lacks.

    The given one stays as it is.
    """
    renamed: dict[str, Any] = deepcopy(dict(config))
    for old, new in RENAMED.items():
        *parents, leaf = old.split(".")
        node = _found(renamed, parents)
        if node is not None and leaf in node:
            _node_of(renamed, new)[new.rpartition(".")[2]] = node.pop(leaf)
    for key, value in ADDED.items():
        *parents, leaf = key.split(".")
        if (node := _found(renamed, parents)) is not None:
            node.setdefault(leaf, value)
    return renamed


def same_value(key: str, old: Any, new: Any) -> bool:
    """Whether two values of a key mean the same: of a class, its name counts and not its module."""
    if key.endswith("_target_") and isinstance(old, str) and isinstance(new, str):
        return old.rpartition(".")[2] == new.rpartition(".")[2]
    return bool(old == new)


def _found(config: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    """The dict at a path of keys; None if there is none."""
    node: Any = config
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _node_of(config: dict[str, Any], key: str) -> dict[str, Any]:
    """The dict that holds the last part of a dotted key; made where it is missing."""
    node = config
    for name in key.split(".")[:-1]:
        node = node.setdefault(name, {})
    return node
