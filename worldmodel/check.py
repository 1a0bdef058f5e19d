"""Refuse values that a key does not take, in one sentence, before anything is run."""

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, ListConfig, OmegaConf

from worldmodel.run.compat import current_target
from worldmodel.types import UserError

# What keys take that no class has, and which words.
PLAIN: dict[str, Any] = {
    "encode.batch_size": int,
    "evaluate.fast_kwargs": dict[str, Any],
    "export.to": str,
    "keep": list[str],
    "rounds": list[list[str]],
    "run": str,
    "runs": str | list[str],
    "seed": int,
    "start": str | None,
    "temperatures": list[float],
    "text": str,
    "to": str | None,
    "train_mdnrnn.baseline": bool,
    "upstream": str | None,
    "world.members": list[str],
}
WORDS = {"device": ("auto", "cpu", "cuda"), "world.kind": ("real", "dream", "hybrid")}
NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text",
         type(None): "null"}  # fmt: skip


def check_values(config: DictConfig) -> None:
    """Check every value that is not null; null may stand for what is found out later.

    Raises:
        UserError: naming the key, its value and what it takes.
    """
    for key, value in _leaves(config, ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{key} is {value}: it must be a finite number.")
    for key, wanted in PLAIN.items():
        _check(key, OmegaConf.select(config, key), wanted)
    seed = OmegaConf.select(config, "seed")
    if isinstance(seed, int) and seed < 0:
        raise UserError(f"seed is {seed}: use 0 or more.")
    for key, words in WORDS.items():
        value = OmegaConf.select(config, key)
        if value is not None and value not in words:
            raise UserError(f"{key} is {value}: use {', '.join(words[:-1])} or {words[-1]}.")
    for key, node in _objects(config, ""):
        check_object(key, node, or_null=True)


def check_object(key: str, node: Mapping[Any, Any], or_null: bool = False) -> None:
    """Check the values of one object; what is no dataclass of ours fits.

    Args:
        key: of the object, for what is said.
        node: with `_target_`, which names its class.
        or_null: whether each value may be null.

    Raises:
        UserError: naming the key, its value and what it takes.
    """
    target = _dataclass(node)
    if target is None:
        return
    for field, wanted in typing.get_type_hints(target).items():
        if field in node and not (or_null and node[field] is None):
            _check(f"{key}.{field}" if key else field, node[field], wanted, or_null)


def whole_objects(config: DictConfig) -> Iterator[DictConfig]:
    """Objects of ours, none within another, that could be built as they stand.

    Others have values that are found out later, or given by whoever builds them.
    """
    last = None
    for key, node in _objects(config, ""):
        if last is not None and key.startswith(f"{last}."):
            continue
        last = key
        target = _dataclass(node)
        if target is None or lacking(node):
            continue
        hints = typing.get_type_hints(target).items()
        if all(fits(node[name], wanted) for name, wanted in hints if name in node):
            assert isinstance(node, DictConfig)
            yield node


def lacking(node: Mapping[Any, Any]) -> list[str]:
    """Names of what an object has no default for and the node does not give."""
    target = _dataclass(node)
    fields = () if target is None else dataclasses.fields(target)
    return [
        field.name
        for field in fields
        if field.init
        and {field.default, field.default_factory} == {dataclasses.MISSING}
        and field.name not in node
    ]


def _dataclass(node: Mapping[Any, Any]) -> Any:
    """The class of an object, if it is a dataclass of ours."""
    name = current_target(str(node["_target_"]))
    if not name.startswith("worldmodel."):
        return None
    try:
        target = hydra.utils.get_class(name)
    except Exception:  # whoever builds it says what is wrong
        return None
    return target if dataclasses.is_dataclass(target) else None


def _check(key: str, value: Any, wanted: Any, or_null: bool = True) -> None:
    if or_null and value is None:
        return
    if not fits(value, wanted):
        plain = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
        raise UserError(f"{key} is {plain!r}: it must be {describe(wanted)}.")


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value of a YAML file is one of a type; what YAML can't tell fits.

    A whole number is a fine float, and a bool is no number.
    """
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return isinstance(value, str)  # which one is the class's to say
    if origin is tuple and isinstance(value, str):  # the class says what it makes of one
        return True
    if origin in (tuple, list, Sequence):
        return _fits_list(value, inner, fixed=origin is tuple and inner[-1] is not Ellipsis)
    if origin in (dict, Mapping) or wanted is dict:
        return isinstance(value, Mapping)
    if wanted is float:
        return type(value) in (int, float)
    if wanted in NAMES:
        return type(value) is wanted
    if wanted is Path:
        return isinstance(value, str)
    return wanted is Any or not (value is None or isinstance(value, int | float | str))


def _fits_list(value: Any, inner: Sequence[Any], fixed: bool) -> bool:
    if not isinstance(value, list | tuple | ListConfig):
        return False
    if fixed:
        return len(value) == len(inner) and all(map(fits, value, inner))
    return all(fits(item, inner[0]) for item in value)


def describe(wanted: Any) -> str:
    """A type in words."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(one) for one in inner))
    if origin is typing.Literal:
        return " or ".join(map(str, inner))
    if origin in (tuple, list, Sequence):
        if origin is tuple and inner[-1] is not Ellipsis:
            return f"a list of {len(inner)}, each {describe(inner[0])}"
        return f"a list, each {describe(inner[0])}"
    if origin in (dict, Mapping) or wanted is dict:
        return "a mapping of names to values"
    return NAMES.get(wanted, f"an object with _target_, a {getattr(wanted, '__name__', wanted)}")


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    for name, value in _parts(node):
        inner = f"{key}.{name}" if key else str(name)
        if isinstance(value, Mapping | DictConfig | ListConfig | list):
            yield from _leaves(value, inner)
        else:
            yield inner, value


def _objects(node: Any, key: str) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    if isinstance(node, DictConfig) and isinstance(node.get("_target_"), str):
        yield key, node
    for name, value in _parts(node):
        if isinstance(value, DictConfig | ListConfig):
            yield from _objects(value, f"{key}.{name}" if key else str(name))


def _parts(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping | DictConfig):
        yield from node.items()
    else:
        yield from enumerate(node)
