"""A part of a stage that trains something of its own, such as a baseline."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldmodel.run import checkpoint
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.log import Log
from worldmodel.run.progress import Bar

if TYPE_CHECKING:
    from worldmodel.run.run import Run


class Subrun:
    """A `Recorder` in a folder of its own within a stage's.

    Args:
        run: the stage.
        name: of the folder.
        seed: of this part.
    """

    def __init__(self, run: "Run", name: str, seed: int) -> None:
        self._run, self._name = run, name
        self.folder = run.folder / name
        self.seed = seed
        self._log: Log | None = None

    def checkpoint(self, name: str = "last") -> Path:
        """Path of one of its checkpoints."""
        return checkpoint_path(self.folder, name)

    def save(self, name: str, content: dict[str, Any]) -> None:
        """Write one of its checkpoints."""
        self._run.begin()
        checkpoint.save(self.checkpoint(name), content)

    def log(self, resume_step: int = 0) -> Log:
        """Its own log."""
        if self._log is None:
            self._log = Log(self.folder, resume_step, self._run.log_config(self._name))
        return self._log

    def progress(self, total: int, unit: str, start: int = 0) -> AbstractContextManager[Bar]:
        """A bar of the run, labelled with its name."""
        return self._run.progress(total, f"{unit} of {self._name}", start)

    def say(self, text: str) -> None:
        """One line on the terminal."""
        self._run.say(f"{self._name}: {text}")

    def subrun(self, name: str, seed: int | None = None) -> "Subrun":
        """A part of this part."""
        return self._run.subrun(f"{self._name}/{name}", self.seed if seed is None else seed)
