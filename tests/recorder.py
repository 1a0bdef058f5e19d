"""A run without its stage: the real log and progress bar, in a folder of the test's."""

from pathlib import Path

from rich.console import Console

from worldmodel.run import checkpoint
from worldmodel.run.log import Log
from worldmodel.run.registry import STAGES
from worldmodel.run.run import Run


class Recorder:
    stage = STAGES["train_vae"]
    progress = Run.progress

    def __init__(self, folder: Path) -> None:
        self.seed = 0
        self.folder = folder
        self.console = Console(quiet=True)
        self.said: list[str] = []
        self._log: Log | None = None

    def checkpoint(self, name="last"):
        return self.folder / f"{name}.pt"

    def begin(self):
        pass

    def save(self, name, content):
        checkpoint.save(self.checkpoint(name), content)

    def log(self, resume_step=0):
        self._log = self._log or Log(self.folder, resume_step)
        return self._log

    def say(self, text):
        self.said.append(text)

    def subrun(self, name, seed=None):
        part = Recorder(self.folder / name)
        part.seed = self.seed if seed is None else seed
        return part
