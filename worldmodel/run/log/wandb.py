"""Weights & Biases: a run of the project worldmodel for each stage.

Its own variables hold: WANDB_MODE=offline writes files alone, WANDB_PROJECT and WANDB_ENTITY say
where to. What was logged can't be taken back, so that a stage which goes on begins another run,
with the numbers of metrics.jsonl so far; the earlier one stays as it was interrupted.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from worldmodel.run.log.tracker import Figures, LogConfig
from worldmodel.types import Frames, UserError


def open_tracker(
    folder: Path, resume_step: int, kept: Sequence[Mapping[str, Any]], config: LogConfig
) -> "WandB":
    """Begin a run in `folder`/wandb that knows the metrics so far.

    Raises:
        UserError: if W&B is to be reached and nobody is logged in.
    """
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "worldmodel"),
            group=config.run,
            job_type=config.stage,
            name=f"{config.run}/{config.stage}",
            dir=folder,
            config=dict(config.hyperparameters) | {"resume_step": resume_step},
            reinit="create_new",  # k1 of train_mdnrnn stays open beside the stage
            settings=wandb.Settings(console="off", silent=True),
        )
    except wandb.Error as error:
        raise UserError(
            f"logger=wandb: {str(error).rstrip('.')}; or set WANDB_MODE=offline."
        ) from error
    tracker = WandB(run, config.stage)
    for line in kept:
        tracker.scalars(line["step"], {key: line[key] for key in line if key != "step"})
    return tracker


class WandB:
    """One run of W&B."""

    def __init__(self, run: Any, stage: str) -> None:
        self._run, self._stage, self._finished = run, stage, False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Show numbers under one step."""
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Show one picture (H, W, 3) uint8."""
        self._run.log({name: wandb.Image(picture)}, step=step)

    def finish(self, step: int, figures: Mapping[str, Figures]) -> None:
        """Put the stage's figures into the run's summary."""
        own = figures.get(self._stage, {})
        self._run.summary.update({f"final/{name}": value for name, value in own.items()})
        self._finished = True

    def close(self) -> None:
        """End the run."""
        self._run.finish(exit_code=0 if self._finished else 1)
