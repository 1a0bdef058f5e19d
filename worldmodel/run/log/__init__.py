"""Where numbers and pictures go: metrics.jsonl always, TensorBoard, W&B or MLflow beside it."""

from worldmodel.run.log.log import Log, Row, read_metrics
from worldmodel.run.log.tracker import LogConfig, check_logger

__all__ = ["Log", "LogConfig", "Row", "check_logger", "read_metrics"]
