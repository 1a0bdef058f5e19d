"""The command line: `worldmodel <command> [key=value …]`, and what the scripts share with it."""

import argparse
import difflib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig, OmegaConf

from worldmodel.compose import (
    ERRORS,
    as_list,
    compose,
    current_overrides,
    explain,
    jobs,
    refuse_several,
)
from worldmodel.help import command_help, commands, overview
from worldmodel.run.disk import FORBIDDEN, FULL, reason, remedy
from worldmodel.run.interrupt import listening
from worldmodel.run.launch import Call, load_command, run_call
from worldmodel.run.layout import CONF
from worldmodel.run.shipped import with_agent
from worldmodel.types import UserError

# Old command -> the command that has taken its place.
RENAMED_COMMANDS = {"ship": "export"}
NOTHING_DONE = "interrupted before anything was done."
GOES_ON = "interrupted; the same command goes on from the last checkpoint."

Body = Callable[[DictConfig, Call], None]


@dataclass(frozen=True)
class Request:
    """The arguments of a command, taken apart; `config_dir` holds YAML of the user's own."""

    overrides: tuple[str, ...]
    config_dir: Path | None
    help: bool
    multirun: bool
    show: bool

    @property
    def options(self) -> tuple[str, ...]:
        """What commands that this one calls get as well."""
        return () if self.config_dir is None else ("--config-dir", str(self.config_dir))


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `worldmodel`; leaves with exit code 1 after bad input, 130 after Ctrl-C."""
    _print_anything()
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given or given[0] in ("-h", "--help"):
        _show(overview())
    elif given[0] == "--version":
        print(f"worldmodel {metadata.version('worldmodel')}")
    else:
        with one_sentence(given[0], NOTHING_DONE):
            command = _command(given[0])
            request = parse(given[1:])
            if request.help:  # without loading what the command needs
                _show(_help(command, request))
                return
            run = load_command(command)
        run(given[1:])


def run_command(
    command: str, body: Body, arguments: Sequence[str], lists: Mapping[str, str] | None = None
) -> None:
    """Do what the arguments of a command ask for; `body` gets the configuration and the call.

    With --multirun, every combination of the values given is a process of its own, one after the
    other. `lists` names keys that take several values in one call, and the key that holds them.
    """
    _print_anything()
    with listening():
        _run_command(command, body, arguments, lists or {})


def _run_command(
    command: str, body: Body, arguments: Sequence[str], apart: Mapping[str, str]
) -> None:
    with one_sentence(command, NOTHING_DONE):
        request = parse(arguments)
        if request.help:
            _show(_help(command, request))
            return
        overrides, sentences = current_overrides(request.overrides)
        for sentence in sentences:
            print(sentence, file=sys.stderr)
        if not request.multirun:
            refuse_several(overrides, apart)
        several = jobs(overrides, apart) if request.multirun else [overrides]
        given = [tuple(_listed(text, apart) for text in _agent(command, job)) for job in several]
        configs = [compose(command, job, request.config_dir) for job in given]
        _check_places(several, configs)
        if request.show:
            print("---\n".join(OmegaConf.to_yaml(config) for config in configs), end="")
            return
    with one_sentence(command, GOES_ON):
        if not request.multirun:
            body(configs[0], Call(command, given[0], request.options))
            return
        for index, job in enumerate(several):
            print(f"[{index + 1}/{len(several)}] {command} {' '.join(job)}", flush=True)
            run_call(Call(command, tuple(job), request.options))


def _check_places(several: Sequence[Sequence[str]], configs: Sequence[DictConfig]) -> None:
    """Refuse a multirun, before its first run, of which two runs would share a folder."""
    places: dict[tuple[str, ...], str] = {}
    for job, config in zip(several, configs, strict=True):
        place = tuple(str(config.get(key)) for key in ("runs", "name", "seed"))
        label = " ".join(job)
        other = places.setdefault(place, label)
        if other != label:
            ours, theirs = set(job), set(other.split(" "))
            key = sorted(ours - theirs)[0].partition("=")[0]
            value = f"hydra:runtime.choices.{key}" if (CONF / key).is_dir() else key
            raise UserError(
                f"'{other}' and '{label}' would both be the run {place[1]} of seed {place[2]}: "
                f"give each a name of its own, such as 'name={place[1]}_${{{value}}}'."
            )


def parse(arguments: Sequence[str]) -> Request:
    """Take the arguments of a command apart.

    Raises:
        UserError: for an option that does not exist, or a folder that is missing.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job",))
    parser.add_argument("-cd", "--config-dir", type=Path)
    given = parser.parse_intermixed_args(list(arguments))
    folder = given.config_dir and given.config_dir.resolve()
    if folder is not None and not folder.is_dir():
        raise UserError(f"--config-dir {given.config_dir} is not a folder.")
    return Request(
        tuple(given.overrides), folder, given.help, given.multirun, given.cfg is not None
    )


@contextmanager
def one_sentence(command: str, interrupted: str) -> Iterator[None]:
    """Leave with one sentence and an exit code where something is wrong that the user can mend."""
    try:
        yield
    except KeyboardInterrupt:
        _stop(interrupted, 130)
    except UserError as error:
        _stop(f"error: {error}", 1)
    except ERRORS as error:
        _stop(f"error: {explain(error, command)}", 1)
    except OSError as error:
        if error.errno not in (*FULL, *FORBIDDEN):
            raise
        what = error.filename or "the disk"
        _stop(
            f"error: Could not use {what} ({reason(error)}): {remedy(error)}, then run the same "
            "command again.",
            1,
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: `--help` lists options and keys.")


def _command(name: str) -> str:
    """The command of this name, which may be an older one."""
    if name in RENAMED_COMMANDS:
        print(f"{name} is called {RENAMED_COMMANDS[name]} now.", file=sys.stderr)
    name = RENAMED_COMMANDS.get(name, name)
    if name not in commands():
        near = difflib.get_close_matches(name, commands(), n=1)
        hint = f", did you mean '{near[0]}'?" if near else "."
        raise UserError(f"There is no command '{name}'{hint} `worldmodel --help` lists them all.")
    return name


def _print_anything() -> None:
    """What the terminal's encoding lacks becomes a question mark: it is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show(text: str) -> None:
    with suppress(BrokenPipeError):  # of `worldmodel --help | head`
        print(text, flush=True)
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit


def _help(command: str, request: Request) -> str:
    overrides = _agent(command, current_overrides(request.overrides)[0])
    return command_help(command, overrides, request.config_dir)


def _agent(command: str, overrides: Sequence[str]) -> list[str]:
    """`with_agent`, but for commands whose `run=` or `agent=` is a key of their own."""
    return list(overrides) if command in ("draw", "page") else with_agent(overrides)


def _listed(override: str, lists: Mapping[str, str]) -> str:
    """`world.config.temperature=0.5,1.0` as `temperatures=[0.5,1.0]`, where `lists` says so."""
    key, _, value = override.partition("=")
    return as_list(f"{lists[key]}={value}") if key in lists else override


def _stop(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(code)
