"""Configurations composed by Hydra from conf/ and a command line."""

import difflib
import itertools
import json
import re
import sys
from collections.abc import Container, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from worldmodel.run.compat import RENAMED, current_key
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import CONF, lookup
from worldmodel.run.registry import BEFORE
from worldmodel.types import UserError

# What a composition can fail with.
ERRORS = (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError)
SEARCH_PATH = "hydra.searchpath="
# What a run is called, and what YAML would make a number or a truth of.
NAME = ("name", "run")
# What is written, taken as it is: no grammar of values.
TEXT = "text"
LIKE_A_NUMBER = re.compile(
    r"[+-]?[\d_.]+(e[+-]?\d+)?|0x[\da-f_]+|true|false|nan|inf", re.IGNORECASE
)


def compose(command: str, overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
    """conf/<command>.yaml with these overrides, every interpolation resolved.

    `config_dir` is a folder with YAML of the user's own, laid out as conf/ is.

    Raises:
        UserError: if an override gives several values, which takes --multirun.
    """
    refuse_several(overrides)
    texts = tuple(_with_search_path(overrides, config_dir))
    # A user's own YAML may change between two calls in one process; conf/ does not.
    own = any(text.startswith(SEARCH_PATH) for text in texts)
    config = _compose(command, texts) if own else deepcopy(_remembered(command, texts))
    _take_old_keys(config, overrides)
    return config


def compose_plain(
    command: str, overrides: Sequence[str], config_dir: Path | None = None
) -> dict[str, Any]:
    """What `compose` composes, in plain types."""
    plain = OmegaConf.to_container(compose(command, overrides, config_dir))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


@dataclass(frozen=True)
class Sources:
    """Where a composition comes from.

    `files` are YAML files in the order in which they were merged, each with the key under which its
    content stands ("" for the root). `choices` are the chosen names of every group, and `options`
    all names that could be chosen.
    """

    files: tuple[tuple[Path, str], ...]
    choices: dict[str, str | None]
    options: dict[str, list[str]]


def sources(command: str, overrides: Sequence[str], config_dir: Path | None = None) -> Sources:
    """Files, chosen groups and choices of what `compose` composes."""
    texts = _with_search_path(overrides, config_dir)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        found = loader.compute_defaults_list(command, texts, RunMode.RUN)
        choices = {
            str(group): None if choice is None else str(choice)
            for group, choice in found.overrides.known_choices.items()
            if not group.startswith("hydra/")
        }
        options = {
            group: loader.get_group_options(
                group.partition("@")[0], ObjectType.CONFIG, command, texts
            )
            for group in choices
        }
    own = [text for text in texts if text.startswith(SEARCH_PATH)]
    folders = [CONF, *(Path(folder.removeprefix("file://"))
                       for override in _parsed(own) for folder in _texts(override))]  # fmt: skip
    paths = [
        (folder / f"{default.config_path}.yaml", default.package or "")
        for default in found.defaults
        for folder in folders
    ]
    return Sources(tuple(pair for pair in paths if pair[0].exists()), choices, options)


def jobs(overrides: Sequence[str], apart: Container[str] = ()) -> list[list[str]]:
    """One list of overrides for every combination of the values that they give (`seed=0,1,2`).

    Keys in `apart` are left as they are.
    """
    choices = []
    for override in _parsed(overrides):
        values = [str(override.input_line)]
        if override.is_sweep_override() and override.key_or_group not in apart:
            if not override.is_discrete_sweep():
                raise UserError(f"{override.input_line}: list the values, such as key=1,2,3.")
            key = override.get_key_element()
            values = [f"{key}={value}" for value in override.sweep_string_iterator()]
        choices.append(values)
    return [list(job) for job in itertools.product(*choices)]


def refuse_several(overrides: Sequence[str], apart: Container[str] = ()) -> None:
    """Refuse what takes --multirun: several values for a key that is not in `apart`."""
    for override in _parsed(overrides):
        if override.is_sweep_override() and override.key_or_group not in apart:
            raise UserError(
                f"{override.input_line} is several values: add -m to run one after the other."
            )


def as_list(override: str) -> str:
    """`key=a,b` or `key=a` as `key=[a,b]` or `key=[a]`; `key=[a,b]` as it is."""
    key, _, value = override.partition("=")
    return override if value.startswith("[") else f"{key}=[{value}]"


def take_out(key: str, overrides: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The list that overrides give to `key`, and the overrides without it."""
    taken, rest = [], []
    for override in _parsed(overrides):
        if override.key_or_group == key:
            taken += _texts(override)
        else:
            rest.append(str(override.input_line))
    return tuple(taken), tuple(rest)


def current_overrides(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Overrides with every key under its present name, and a sentence for each that was renamed.

    Names of runs are texts, whatever they look like: name=2026_11_26 is no number. So is a text
    that is to be written.
    """
    texts, sentences = [], []
    for text in overrides:
        key, sign, value = text.partition("=")
        bare = key.lstrip("+~")
        now = current_key(bare)
        if now != bare:
            sentences.append(f"{bare} is called {now} now.")
        if now in (*NAME, *BEFORE) and LIKE_A_NUMBER.fullmatch(value):
            value = f"'{value}'"
        if now == TEXT and value[:1] not in ("'", '"'):
            value = "'" + value.replace("'", "\\'") + "'"
        texts.append(f"{key[: len(key) - len(bare)]}{now}{sign}{value}")
    return texts, sentences


def check(name: str, overrides: Sequence[str]) -> None:
    """See that the stages of a pipeline take these overrides, before anything is done.

    Raises:
        UserError: naming what they belong to, and the one that is wrong.
    """
    try:
        compose("pipeline", overrides)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"{name}: {explain(error, 'pipeline')}") from error


def explain(error: Exception, command: str) -> str:
    """One sentence for a composition error, with the nearest key where one was misspelt."""
    if isinstance(error, YAMLError):  # says on several lines what is wrong and where
        return f"A YAML file can't be read: {' '.join(str(error).split())}."
    text = first_line(error)
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    if key and "override" in text.lower():
        near = difflib.get_close_matches(key, _keys("", compose(command, ())), n=1, cutoff=0.5)
        if near == [key]:
            return f"The choices of this call, such as world=…, leave no key '{key}'."
        hint = f", did you mean '{near[0]}'?" if near else "."
        return f"There is no configuration key '{key}'{hint} `--help` lists them all."
    choice = re.search(r"Could not find '(\w+)/([^']+)'", text)
    if choice:
        return _unknown_choice(*choice.groups())
    return f"{text.rstrip('.')}. `--help` lists all keys and choices."


def _unknown_choice(group: str, name: str) -> str:
    """What to say where a group has no such file."""
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    near = difflib.get_close_matches(name, names, n=1)
    hint = f", did you mean {group}={near[0]}?" if near else f": choose from {', '.join(names)}."
    own = f" A file of your own is found in {group}/ below --config-dir."
    if group == "env":
        own = f" An id of gymnasium is given as env=gym env.id=…, or module:id.{own}"
    return f"There is no {group}={name}{hint}{own}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # the reason follows
        return f"{lines[0]} {lines[1]}"
    return lines[0] if lines else type(error).__name__


def _compose(command: str, overrides: Sequence[str]) -> DictConfig:
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose(command, list(overrides), return_hydra_config=True)
    # Read by ${hydra:…} while it is resolved.
    HydraConfig.instance().set_config(config)
    choice = config.hydra.runtime.choices.get("env")
    with open_dict(config):
        del config["hydra"]
    OmegaConf.resolve(config)
    if choice is not None:
        _refuse_borrowed(config, str(choice))
    return config


def _name_run(choice: str, env_id: str | None) -> str:
    """What a run is called that nobody named: as its choice of env, or as its id where that is all.

    For ${run_name:…} in YAML.
    """
    return (
        str(env_id).rpartition(":")[2].replace("/", "_") if choice == "gym" and env_id else choice
    )


OmegaConf.register_new_resolver("run_name", _name_run, replace=True)


def _refuse_borrowed(config: DictConfig, choice: str) -> None:
    """Refuse another id than that of the env file that was chosen; runs made so before go on.

    Raises:
        UserError: naming both.
    """
    path = CONF / "env" / f"{choice}.yaml"
    own = OmegaConf.select(OmegaConf.load(path), "id") if path.exists() else None
    here = OmegaConf.select(config, "env.id")
    if own in (None, here) or here in _recorded_ids(config):
        return
    raise UserError(
        f"env={choice} is {own}, whose crop, time limit and explorer are not for {here}: give "
        f"env=gym env.id={here}."
    )


def _recorded_ids(config: DictConfig) -> set[str]:
    root = Path(str(config.runs)) / str(config.name)
    folders = f"seed{config.seed}/*", f"round*/seed{config.seed}/*"
    paths = (path for folder in folders for path in root.glob(f"{folder}/config.json"))
    return {str(lookup(read_json(path), "env.id")) for path in paths}


_remembered = lru_cache(maxsize=64)(_compose)


def _parsed(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    found = []
    for text in overrides:
        try:
            found.append(parser.parse_override(text))
        except HydraException as error:
            raise UserError(f"'{text}' can't be read as key=value: {first_line(error)}") from error
    return found


def _texts(override: Override) -> list[str]:
    """The list that an override gives."""
    value = override.value()
    if not isinstance(value, list):
        raise UserError(f"{override.input_line}: write a list, such as key=[one,two].")
    return [str(item) for item in value]


def _with_search_path(overrides: Sequence[str], config_dir: Path | None) -> list[str]:
    if config_dir is None:
        return list(overrides)
    given = [text for text in overrides if text.startswith(SEARCH_PATH)]
    folders = [folder for override in _parsed(given) for folder in _texts(override)]
    path = ",".join(json.dumps(folder) for folder in [f"file://{config_dir}", *folders])
    return [*(text for text in overrides if text not in given), f"{SEARCH_PATH}[{path}]"]


def _take_old_keys(config: DictConfig, overrides: Sequence[str]) -> None:
    """Move what YAML says under an old key to the new one; an override of that stays."""
    given = {text.lstrip("+").partition("=")[0] for text in overrides}
    for old, new in RENAMED.items():
        parent, _, leaf = old.rpartition(".")
        node = OmegaConf.select(config, parent)
        if not isinstance(node, DictConfig) or leaf not in node:
            continue
        value = node[leaf]
        with open_dict(config):
            del node[leaf]
            if not node:
                del config[parent]
            if new not in given:
                OmegaConf.update(config, new, value)
        print(f"A YAML file says {old}, which is called {new} now.", file=sys.stderr)


def _keys(prefix: str, node: Any) -> Iterator[str]:
    if isinstance(node, DictConfig):
        for name in map(str, node):
            yield f"{prefix}{name}"
            yield from _keys(f"{prefix}{name}.", node._get_node(str(name)))
