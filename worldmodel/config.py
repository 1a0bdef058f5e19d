"""The only door to Hydra: from YAML to objects, and from a command line to a running stage."""

import difflib
import errno
import json
import os
import re
import signal
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from worldmodel.parallel import WorkersDied
from worldmodel.run.hardware import cores
from worldmodel.run.run import Run
from worldmodel.types import UserError

# What the system answers to a write for want of space or permission.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
CONF = Path(__file__).resolve().parent.parent / "conf"
# What a shipped agent's file may ask for: choices and numbers, nothing that names code.
SHIPPED = re.compile(r"(env|experiment|controller|vae|mdnrnn|world|evolve|seed)=[\w/-]+")


def build(config: Any, **late: Any) -> Any:
    """Build the object that `_target_` names; `late` are arguments known only at run time.

    Raises:
        UserError: for a key that the class does not have, or a value that it refuses.
    """
    try:
        _check_types(config)
        return hydra.utils.instantiate(config, _convert_="all", **late)
    except HydraException as error:
        cause = error.__cause__ or error
        raise UserError(f"{_class_name(config)}: {_first_line(cause)}") from error


def _check_types(config: Any) -> None:
    """Refuse a text where a dataclass wants a number: it would fail later and far away."""
    target = hydra.utils.get_class(config["_target_"])
    for name, wanted in typing.get_type_hints(target).items():
        union = typing.get_origin(wanted) in (typing.Union, types.UnionType)
        kinds = set(typing.get_args(wanted)) if union else {wanted}
        value = config.get(name)
        if name not in config or not kinds <= {int, float, bool, str, type(None)}:
            continue
        # A whole number is a fine float, and a bool is no number.
        if type(value) not in kinds and not (type(value) is int and float in kinds):
            names = " or ".join(sorted(kind.__name__.replace("NoneType", "null") for kind in kinds))
            key = config._get_full_key(name)
            raise UserError(f"{key} is {value!r}: it must be {names}.")


def _class_name(config: Any) -> str:
    return str(config["_target_"]).rsplit(".", 1)[-1]


def to_plain(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain types."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def stage(name: str) -> Callable[[Callable[[DictConfig, Run], None]], Callable[[], None]]:
    """Turn `main(cfg, run)` into the entry point of a stage.

    The entry point composes conf/<name>.yaml, opens the stage's run folder, says "done" where
    nothing is left to do, and turns bad input into one sentence and exit code 1.
    """

    def decorate(main: Callable[[DictConfig, Run], None]) -> Callable[[], None]:
        def body(cfg: DictConfig) -> None:
            torch.set_num_threads(cores())
            run = Run(name, to_plain(cfg))
            try:
                if not run.done:
                    main(cfg, run)
            finally:
                run.interrupted()
                run.close()

        return entry(name, body)

    return decorate


def entry(config_name: str, body: Callable[[DictConfig], None]) -> Callable[[], None]:
    """A command line over conf/<config_name>.yaml, with one-sentence errors."""

    def job(cfg: DictConfig) -> None:
        # Caught in here: Hydra would print lines of its own about an exception that passes it.
        try:
            body(cfg)
        except KeyboardInterrupt:
            _stop("interrupted; the same command goes on from the last checkpoint.", 130)
        except (UserError, WorkersDied) as error:
            _stop(f"error: {error}", 1)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            _stop(
                f"error: Could not use {error.filename or 'the disk'} ({error.strerror}): free "
                "some space or mend its permissions, then run the same command again.",
                1,
            )

    composed = hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(job)

    def run() -> None:
        # Without it Hydra swallows the traceback of whatever is not caught here.
        os.environ["HYDRA_FULL_ERROR"] = "1"
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            sys.argv = [sys.argv[0], *with_shipped(sys.argv[1:])]
            composed()
        except UserError as error:
            _stop(f"error: {error}", 1)
        except KeyboardInterrupt:
            _stop("interrupted before anything was done.", 130)
        except (HydraException, OmegaConfBaseException) as error:
            _stop(f"error: {_explain(error, config_name)}", 1)

    return run


def with_shipped(arguments: Sequence[str]) -> list[str]:
    """Overrides with `run=<name>` replaced by those that the shipped agent of this name needs.

    Raises:
        UserError: if there is no such agent, or its file asks for more than SHIPPED allows.
    """
    given = [text for text in arguments if text.startswith("run=")]
    if not given:
        return list(arguments)
    name = given[-1].removeprefix("run=")
    roots = [text.removeprefix("runs=") for text in arguments if text.startswith("runs=")]
    path = Path(roots[-1] if roots else "runs") / name / "agent.json"
    if not path.exists():
        raise UserError(f"{path} is missing: run={name} is not a shipped agent.")
    overrides = json.loads(path.read_text())["overrides"]
    refused = [text for text in overrides if not SHIPPED.fullmatch(text)]
    if refused:
        raise UserError(f"{path} asks for {refused}: a shipped agent may not.")
    rest = [text for text in arguments if not text.startswith("run=")]
    return [*overrides, f"name={name}", *rest]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(code)


def _explain(error: Exception, config_name: str) -> str:
    """One sentence for a composition error, with the nearest key where one was misspelt."""
    text = _first_line(error)
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    if key and "override" in text.lower():
        near = difflib.get_close_matches(key, _keys(config_name), n=1, cutoff=0.5)
        if near == [key]:
            return f"The choices of this call, such as world=…, leave no key '{key}'."
        hint = f", did you mean '{near[0]}'?" if near else "."
        return f"There is no configuration key '{key}'{hint} `--help` lists them all."
    return f"{text} `--help` lists all keys and choices."


def _keys(config_name: str) -> list[str]:
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose(config_name)
    found: list[str] = []

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, DictConfig):
            for name in map(str, node):
                found.append(f"{prefix}{name}")
                walk(f"{prefix}{name}.", node._get_node(str(name)))

    walk("", config)
    return found


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
