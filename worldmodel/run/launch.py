"""Commands as the user calls them, and stages run one after the other as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worldmodel.run.layout import SCRIPTS


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C, but it reaches one process alone."""


@dataclass(frozen=True)
class Call:
    """A command line: the command, its overrides, and options that its own calls get as well."""

    command: str
    overrides: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


# In the environment of a command that another one calls, which has checked all values: to import
# all classes once more, for stages that are not its own, would take seconds.
CHECKED = "WORLDMODEL_CHECKED"


def spoken(command: str) -> str:
    """A command as the user types it: `worldmodel collect`, or `python scripts/collect.py`."""
    return f"python scripts/{command}.py" if _by_script() else f"worldmodel {command}"


def run_call(call: Call) -> None:
    """Run a command as a process of its own; leaves with the exit code of a failure."""
    own = (
        [str(SCRIPTS / f"{call.command}.py")]
        if _by_script()
        else ["-m", "worldmodel", call.command]
    )
    process = subprocess.Popen(
        [sys.executable, *own, *call.options, *call.overrides], env=os.environ | {CHECKED: "1"}
    )
    try:
        code = process.wait()
    except KeyboardInterrupt as stop:
        if not isinstance(stop, Terminated):
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)  # Ctrl-C in a terminal has reached the command as well
        process.terminate()
        process.wait()
        raise
    if code:
        sys.exit(code)


def run_stages(
    stages: Iterable[str], overrides: Iterable[str], options: Iterable[str] = ()
) -> None:
    """Call every stage with the same overrides; leaves with the exit code of a failure."""
    given, passed_on = tuple(overrides), tuple(options)
    for stage in stages:
        run_call(Call(stage, given, passed_on))


def _by_script() -> bool:
    program = Path(sys.argv[0])
    return program.suffix == ".py" and program.parent.name == "scripts"
