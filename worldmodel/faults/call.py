"""A command as a user calls it: what it said, and how it ended."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HANGS = 600.0  # seconds after which a command is taken to hang


@dataclass(frozen=True)
class Said:
    """Exit status of a command, and the lines of its standard error."""

    code: int
    errors: tuple[str, ...]

    def refuses(self, *words: str) -> bool:
        """Whether this is one sentence with one of the words in it, and exit status 1."""
        one = self.code == 1 and len(self.errors) == 1 and self.errors[0].startswith("error: ")
        return one and any(word in self.errors[0] for word in words)


# Runs `worldmodel` with some arguments in a folder.
Caller = Callable[[tuple[str, ...], Path], Said]


def call(arguments: tuple[str, ...], place: Path) -> Said:
    """Run a command as a process of its own."""
    command = [sys.executable, "-m", "worldmodel", *arguments]
    try:
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=HANGS, check=False
        )
    except subprocess.TimeoutExpired:
        return Said(-1, (f"it did not end within {HANGS:.0f} s",))
    return Said(done.returncode, tuple(done.stderr.strip().splitlines()))
