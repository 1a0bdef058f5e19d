"""What training asks of a run."""

from pathlib import Path
from typing import Any, Protocol


class Recorder(Protocol):
    """The part of a run that training needs."""

    seed: int

    def checkpoint(self, name: str = "last") -> Path: ...  # noqa: D102
    def log(self, resume_step: int = 0) -> Any: ...  # noqa: D102
    def progress(self, total: int, unit: str, start: int = 0) -> Any: ...  # noqa: D102
    def say(self, text: str) -> None: ...  # noqa: D102
