"""One process at a time in a stage's folder."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from worldmodel.types import UserError

NAME = ".lock"
BIG = ("episodes", "latents", "actions", "tb")  # folders that hold no temporary files of ours


class Lock:
    """Held until `release`, or until the process ends, however it ends.

    Raises:
        UserError: if another process holds it; it is named.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / NAME).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            other = self._file.read().strip() or "unknown"
            self._file.close()
            raise UserError(
                f"{folder} is being written by another process (number {other}): wait until it is "
                "done or stop it, or give this run another name=…"
            ) from error
        except OSError:  # a file system that knows no locks
            return
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others in."""
        self._file.close()


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left in a folder that is locked."""
    inner = [part for part in folder.iterdir() if part.is_dir() and part.name not in BIG]
    for left in [
        *folder.glob(".*.tmp*"),
        *(path for part in inner for path in part.rglob(".*.tmp*")),
    ]:
        with suppress(OSError):
            left.unlink()
