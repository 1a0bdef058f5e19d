"""What training asks of a run: where to write, and how to speak."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from worldmodel.run.log import Log
from worldmodel.run.progress import Bar


class Recorder(Protocol):
    """A `Run`, one of its subruns, or whatever else keeps checkpoints, metrics and progress."""

    @property
    def seed(self) -> int:
        """Seed from which all randomness of the training follows."""
        ...

    @property
    def folder(self) -> Path:
        """Where its files are written."""
        ...

    def checkpoint(self, name: str = "last") -> Path:
        """Path of one of its checkpoints."""
        ...

    def save(self, name: str, content: dict[str, Any]) -> None:
        """Write one of its checkpoints, of tensors and plain types."""
        ...

    def log(self, resume_step: int = 0) -> Log:
        """Its log; the first call says from which step a resumed training goes on."""
        ...

    def progress(self, total: int, unit: str, start: int = 0) -> AbstractContextManager[Bar]:
        """A progress bar over `total` units, of which `start` are done."""
        ...

    def say(self, text: str) -> None:
        """One line on the terminal."""
        ...

    def subrun(self, name: str, seed: int | None = None) -> "Recorder":
        """A second training within this one, with a folder and a log; the same seed if None."""
        ...
