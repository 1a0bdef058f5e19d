"""MLflow: a run for each stage, in an experiment for each run, in runs/mlflow.db.

MLFLOW_TRACKING_URI says otherwise. What was logged can't be taken back, so that a stage which goes
on begins another run, with the numbers of metrics.jsonl so far; the earlier one stays as it was
interrupted.
"""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from worldmodel.run.log.tracker import Figures, LogConfig
from worldmodel.types import Frames, UserError

BATCH = 1000  # metrics, of one call at the most


def open_tracker(
    folder: Path, resume_step: int, kept: Sequence[Mapping[str, Any]], config: LogConfig
) -> "MLflow":
    """Begin a run that knows the metrics so far.

    Raises:
        UserError: if the tracking server can't be used.
    """
    for name in ("alembic", "mlflow.store.db"):  # they tell of every table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        client, experiment = _open(config)
        run = client.create_run(experiment, run_name=config.stage).info.run_id
        client.set_tag(run, "resume_step", resume_step)
        params = [Param(key, str(value)) for key, value in config.hyperparameters.items()]
        client.log_batch(run, params=params)
    except MlflowException as error:
        raise UserError(f"logger=mlflow: {error}") from error
    tracker = MLflow(client, run, config.stage)
    tracker.metrics(
        [(line["step"], key, line[key]) for line in kept for key in line if key != "step"]
    )
    return tracker


def _open(config: LogConfig) -> tuple[MlflowClient, str]:
    """The store, and the id of the run's experiment in it."""
    uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
    if uri is None:
        runs = config.runs.absolute()
        runs.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{runs / 'mlflow.db'}"
        artifacts = (runs / "mlartifacts").as_uri()
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(config.run)
    if found is not None:
        return client, found.experiment_id
    return client, client.create_experiment(config.run, artifact_location=artifacts)


class MLflow:
    """One run of MLflow."""

    def __init__(self, client: MlflowClient, run: str, stage: str) -> None:
        self._client, self._run, self._stage, self._finished = client, run, stage, False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Show numbers under one step."""
        self.metrics([(step, name, value) for name, value in values.items()])

    def metrics(self, points: Sequence[tuple[int, str, float]]) -> None:
        """Show numbers (step, name, value) of any steps."""
        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for step, name, value in points]
        for begin in range(0, len(metrics), BATCH):
            self._client.log_batch(self._run, metrics[begin : begin + BATCH])

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Show one picture (H, W, 3) uint8."""
        self._client.log_image(self._run, picture, key=name, step=step)

    def finish(self, step: int, figures: Mapping[str, Figures]) -> None:
        """Add the stage's figures as metrics."""
        own = figures.get(self._stage, {})
        numbers = [(name, value) for name, value in own.items() if not isinstance(value, str)]
        self.metrics([(step, f"final/{name}", value) for name, value in numbers])
        self._finished = True

    def close(self) -> None:
        """End the run."""
        self._client.set_terminated(self._run, "FINISHED" if self._finished else "KILLED")
