"""The record of a stage: metrics.jsonl, and a tracker that shows it."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.run.interrupt import put_off
from worldmodel.run.jsonl import RecordFile, read_records
from worldmodel.run.log.tracker import Figures, LogConfig, open_tracker
from worldmodel.types import Frames

Row = Mapping[str, Any]  # "step", and numbers by name

SHOWN_WIDTH = 600  # pixels: TensorBoard's cards are 350 wide, and twice that in full


class Log:
    """Scalars to `metrics.jsonl` and the tracker, pictures to the tracker.

    Opened again after a kill, it forgets what was written beyond `resume_step`, and does not write
    twice what is computed again of the steps before, so that a resumed run leaves the same record
    as an unbroken one. What a kill has cut off is made up for by `rows`, where they are known.
    """

    def __init__(
        self,
        folder: Path,
        resume_step: int = 0,
        config: LogConfig | None = None,
        rows: Sequence[Row] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [record for record in read_metrics(folder) if record["step"] <= resume_step]
        self._tracker = open_tracker(folder, resume_step, kept, config or LogConfig())
        if rows is not None:
            for row in rows[len(kept) :]:
                self._tracker.scalars(row["step"], _without_step(row))
            kept = [dict(row) for row in rows]
        self._file = RecordFile(folder / "metrics.jsonl", kept)
        self._step = max((record["step"] for record in kept), default=0)
        self._kept = {_identity(row["step"], row) for row in kept}

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Record numbers under one step."""
        if _identity(step, values) in self._kept:
            return
        with put_off():  # the tracker's queue has a lock, which its thread would wait for
            self._file.append({"step": step} | values)
            self._tracker.scalars(step, values)
        self._step = step

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Record one picture (H, W, 3) uint8, enlarged by a whole factor where it is small."""
        with put_off():
            self._tracker.image(step, name, enlarge(picture))

    def finish(self, figures: Mapping[str, Figures]) -> None:
        """Tell the tracker what the stage, and those before it, came to: figures by stage."""
        self._tracker.finish(self._step, figures)

    def close(self) -> None:
        """Flush both."""
        self._file.close()
        self._tracker.close()


def enlarge(picture: Frames) -> Frames:
    """A picture (H, W, 3) by the least whole factor that makes it `SHOWN_WIDTH` wide or wider."""
    factor = -(-SHOWN_WIDTH // picture.shape[1])
    return np.asarray(picture).repeat(factor, 0).repeat(factor, 1)


def _without_step(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}


def _identity(step: int, values: Row) -> tuple[int, frozenset[str]]:
    """What makes two records the same one: the values of the second, such as speeds, may differ."""
    return step, frozenset(values) - {"step"}


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """All records of a stage's `metrics.jsonl`, in order, up to one that is damaged."""
    records = read_records(folder / "metrics.jsonl")
    return list(takewhile(lambda record: isinstance(record.get("step"), int), records))
