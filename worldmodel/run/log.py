"""Where numbers and pictures go: metrics.jsonl always, TensorBoard beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from worldmodel.run.checkpoint import atomic
from worldmodel.types import Frames


class Log:
    """Scalars to `metrics.jsonl` and TensorBoard, pictures to TensorBoard.

    Opened again after a kill, it forgets what was written beyond `resume_step`, so that a resumed
    run leaves the same record as an unbroken one.
    """

    def __init__(self, folder: Path, resume_step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "metrics.jsonl"
        kept = [line for line in _lines(self._path) if line["step"] <= resume_step]
        with atomic(self._path, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in kept)
        self._file = self._path.open("a", buffering=1)
        self._board = SummaryWriter(str(folder / "tb"), purge_step=resume_step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Record numbers under one step."""
        self._file.write(json.dumps({"step": step} | values) + "\n")
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Record one picture (H, W, 3) uint8."""
        self._board.add_image(name, np.asarray(picture), step, dataformats="HWC")

    def text(self, step: int, name: str, text: str) -> None:
        """Record a text."""
        self._board.add_text(name, text, step)

    def close(self) -> None:
        """Flush both."""
        self._file.close()
        self._board.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """All records of a stage's `metrics.jsonl`, in order."""
    return _lines(folder / "metrics.jsonl")


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # the last line of a killed run may be cut off
            break
    return records
