"""From YAML to objects, and from a command line to a running stage; scripts import this alone."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hydra
import torch
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from worldmodel.check import check_object, check_values, lacking, whole_objects
from worldmodel.cli import Body, run_command
from worldmodel.compose import compose, first_line, take_out
from worldmodel.parallel import WorkersDied
from worldmodel.run.compat import current_targets
from worldmodel.run.hardware import cores
from worldmodel.run.launch import Call
from worldmodel.run.layout import CONF
from worldmodel.run.run import Run
from worldmodel.run.shipped import with_agent
from worldmodel.settle import check_id, see_working_folder, settle, settled_overrides
from worldmodel.types import UserError

__all__ = [
    "CONF",
    "Call",
    "build",
    "compose",
    "entry",
    "settle",
    "settled_overrides",
    "stage",
    "take_out",
    "to_plain",
    "with_agent",
]

# The entry point of a command; takes its arguments, by default those of this process.
Main = Callable[..., None]


def build(config: Any, **late: Any) -> Any:
    """Build the object that `_target_` names; `late` are arguments known only at run time.

    Raises:
        UserError: for a key that the class does not have, or a value that it refuses.
    """
    try:
        _check_keys(config, late)
        where = config._get_full_key(None) if OmegaConf.is_config(config) else ""
        check_object(where, config)
        plain = (
            OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
        )
        return hydra.utils.instantiate(current_targets(plain), _convert_="all", **late)
    except HydraException as error:
        said = first_line(error.__cause__ or error)
        if "missing 1 required positional argument: 'env'" in said:
            said += "; a wrapper in env.wrappers needs _partial_: true beside its _target_."
        raise UserError(f"{_class_name(config)}: {said}") from error


def build_parts(config: DictConfig) -> dict[str, Any]:
    """The objects that a group consists of, by key, and its plain values.

    Raises:
        UserError: as `build`.
    """
    return {
        str(key): build(part)
        if isinstance(part, DictConfig)
        else OmegaConf.to_container(part, resolve=True)
        if isinstance(part, ListConfig)
        else part
        for key, part in config.items()
    }


def _check_keys(config: Any, late: Mapping[str, Any]) -> None:
    """Name what a YAML file lacks, which a constructor would call a missing argument."""
    missing = [name for name in lacking(config) if name not in late]
    if missing:
        where = config._get_full_key(missing[0]) if OmegaConf.is_config(config) else missing[0]
        raise UserError(f"{where} is missing: add it to the YAML of this {_class_name(config)}.")


def _class_name(config: Any) -> str:
    return str(config["_target_"]).rsplit(".", 1)[-1]


def to_plain(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain types."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def stage(name: str) -> Callable[[Callable[[DictConfig, Run], None]], Main]:
    """Turn `main(cfg, run)` into the entry point of a stage.

    The entry point composes conf/<name>.yaml, opens the stage's run folder, says "done" where
    nothing is left to do, and turns bad input into one sentence and exit code 1.
    """

    def decorate(main: Callable[[DictConfig, Run], None]) -> Main:
        @entry(name)
        def run_stage(cfg: DictConfig, _: Call) -> None:
            torch.set_num_threads(cores())
            settle(cfg, build)
            run = Run(name, to_plain(cfg))
            try:
                if not run.done:
                    main(cfg, run)
            finally:
                run.interrupted()
                run.close()

        return run_stage

    return decorate


def entry(name: str, lists: Mapping[str, str] | None = None) -> Callable[[Body], Main]:
    """Turn `main(cfg, call)` into a command over conf/<name>.yaml, with one-sentence errors.

    The command takes the arguments after its name, by default those of this process. `lists` names
    keys that take several values in one call, and the key of the YAML that holds them.
    """

    def decorate(body: Body) -> Main:
        def careful(cfg: DictConfig, call: Call) -> None:
            see_working_folder(cfg)
            try:
                check_id(cfg)
                check_values(cfg)
                for node in whole_objects(cfg):  # each refuses what is out of its ranges
                    build(node)
                body(cfg, call)
            except WorkersDied as error:
                raise UserError(str(error)) from error

        def run(arguments: Sequence[str] | None = None) -> None:
            run_command(name, careful, sys.argv[1:] if arguments is None else arguments, lists)

        return run

    return decorate
