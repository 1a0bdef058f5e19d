"""Stages run one after the other, each as a process of its own. Imports nothing of the project."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def run_stages(stages: Iterable[str], overrides: Sequence[str]) -> None:
    """Call every stage's script with the same overrides; leaves with the exit code of a failure."""
    for stage in stages:
        process = subprocess.Popen([sys.executable, str(SCRIPTS / f"{stage}.py"), *overrides])
        try:
            code = process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)  # Ctrl-C in a terminal has reached the stage as well
            process.terminate()
            process.wait()
            raise
        if code:
            sys.exit(code)
