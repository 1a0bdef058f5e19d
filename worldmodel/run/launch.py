"""Commands as the user calls them, and stages run one after the other in this process."""

import gc
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worldmodel.run.interrupt import Terminated
from worldmodel.run.layout import SCRIPTS


@dataclass(frozen=True)
class Call:
    """A command line: the command, its overrides, and options that its own calls get as well."""

    command: str
    overrides: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


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
    process = subprocess.Popen([sys.executable, *own, *call.options, *call.overrides])
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


def load_command(command: str) -> Callable[[Sequence[str]], None]:
    """The `main` of a command's script, which takes the arguments after the command's name."""
    spec = importlib.util.spec_from_file_location(f"{command}_script", SCRIPTS / f"{command}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def run_stages(
    stages: Iterable[str], overrides: Iterable[str], options: Iterable[str] = ()
) -> None:
    """Run every stage with the same overrides; leaves with the exit code of a failure.

    All in this process: to start another one for each takes seconds.
    """
    arguments = [*options, *overrides]
    for stage in stages:
        load_command(stage)(arguments)
        gc.collect()  # the next stage needs the memory


def _by_script() -> bool:
    program = Path(sys.argv[0])
    return program.suffix == ".py" and program.parent.name == "scripts"
