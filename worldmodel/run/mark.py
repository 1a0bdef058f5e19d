"""The mark that a stage is finished, and what one that is not has spent so far."""

import hashlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worldmodel.run import checkpoint
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import RECORDS, read_done
from worldmodel.types import UserError


class Mark:
    """DONE and partial.json in a stage's folder.

    A finished stage that goes on stays finished until `begin`, right before its results change; the
    stages that were made from it hold as long as its id, which changes only where they did.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial = folder / "partial.json"
        self._files: str | None = None  # as they were when it was finished

    def done(self) -> dict[str, Any] | None:
        """What DONE holds; None if there is none."""
        return read_done(self._folder)

    def extend(self) -> None:
        """Remember a finished stage's results, which may change from now on."""
        self._files = self._fingerprint()

    def begin(self) -> None:
        """From now on the stage is not finished. Called before every change; the first one counts.

        Raises:
            UserError: if the folder can't be written.
        """
        done = self.done() if self._files is not None else None
        if done is not None:
            checkpoint.save_json(self._partial, done | {"files": self._files})
            (self._folder / "DONE").unlink()

    def spend(self, minutes: float, memory: float) -> None:
        """Keep what a stage took that did not get to its end."""
        if self.done() is None and self._folder.exists():
            checkpoint.save_json(self._partial, self._earlier() | self._spent(minutes, memory))

    def finish(
        self, content: Mapping[str, Any], minutes: float, memory: float
    ) -> tuple[float, float]:
        """Write DONE; the minutes and the memory that the stage took in all."""
        earlier, spent = self._earlier(), self._spent(minutes, memory)
        before = earlier.get("files", self._files)
        same = before is not None and before == self._fingerprint()
        name = earlier["id"] if same and "id" in earlier else uuid.uuid4().hex
        spent = {key: round(value, 3) for key, value in spent.items()}
        checkpoint.save_json(self._folder / "DONE", {"id": name} | dict(content) | spent)
        self._partial.unlink(missing_ok=True)
        return spent["minutes"], spent["peak_memory_gb"]

    def _earlier(self) -> dict[str, Any]:
        if (done := self.done()) is not None:
            return done
        try:
            return read_json(self._partial) if self._partial.exists() else {}
        except UserError:  # minutes that are lost are no reason to stop
            return {}

    def _spent(self, minutes: float, memory: float) -> dict[str, float]:
        earlier = self._earlier()
        return {
            "minutes": earlier.get("minutes", 0.0) + minutes,
            "peak_memory_gb": max(earlier.get("peak_memory_gb", 0.0), memory),
        }

    def _fingerprint(self) -> str:
        """Of all results: where they lie, how large they are and when they were written."""
        found = []
        for root, _, names in os.walk(self._folder):
            for name in names:
                path = Path(root, name)
                inside = path.relative_to(self._folder)
                if inside.parts[0] in (*RECORDS, "DONE") or name.endswith(".tmp"):
                    continue
                stat = path.stat()
                found.append((str(inside), stat.st_size, stat.st_mtime_ns))
        return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()
