"""Where numbers and pictures go: metrics.jsonl always, TensorBoard beside it."""

from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from worldmodel.run.jsonl import RecordFile, read_records
from worldmodel.types import Frames


class Log:
    """Scalars to `metrics.jsonl` and TensorBoard, pictures to TensorBoard.

    Opened again after a kill, it forgets what was written beyond `resume_step`, so that a resumed
    run leaves the same record as an unbroken one.
    """

    def __init__(self, folder: Path, resume_step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [record for record in read_metrics(folder) if record["step"] <= resume_step]
        self._file = RecordFile(folder / "metrics.jsonl", kept)
        self._board = SummaryWriter(str(folder / "tb"), purge_step=resume_step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Record numbers under one step."""
        self._file.append({"step": step} | values)
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
    return read_records(folder / "metrics.jsonl")
