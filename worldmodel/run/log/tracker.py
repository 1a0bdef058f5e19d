"""The choice of what shows a run while it trains: the key `logger`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from worldmodel.types import Frames, UserError

# Package that each logger needs, and the extra that installs it.
PACKAGES = {"tensorboard": ("tensorboard", None), "wandb": ("wandb", "wandb"),
            "mlflow": ("mlflow", "mlflow")}  # fmt: skip

Figures = Mapping[str, float | int | str]
Plain = float | int | str | bool


@dataclass(frozen=True)
class LogConfig:
    """What a log says of itself: `run` such as cart_pole/seed0, below `runs`, and its `stage`.

    `stage` is train_mdnrnn, or train_mdnrnn/k1 for a training within it.
    """

    logger: str = "tensorboard"
    runs: Path = Path("runs")
    run: str = ""
    stage: str = ""
    hyperparameters: Mapping[str, Plain] = field(default_factory=dict)


class Tracker(Protocol):
    """Shows numbers and pictures of one stage."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Show numbers under one step."""
        ...

    def image(self, step: int, name: str, picture: Frames) -> None:
        """Show one picture (H, W, 3) uint8."""
        ...

    def finish(self, step: int, figures: Mapping[str, Figures]) -> None:
        """Show what the finished stage, and those before it, came to: figures by stage."""
        ...

    def close(self) -> None:
        """Flush."""
        ...


Open = Callable[[Path, int, Sequence[Mapping[str, Any]], LogConfig], Tracker]


def check_logger(logger: str) -> None:
    """Raises UserError if there is no such logger, or its package is not installed."""
    if logger not in PACKAGES:
        raise UserError(f"logger is {logger}: use {', '.join(PACKAGES)}.")
    package, extra = PACKAGES[logger]
    if find_spec(package) is None:
        raise UserError(
            f"logger={logger} needs the package {package}: pip install 'worldmodel[{extra}]'."
        )


def open_tracker(
    folder: Path, resume_step: int, kept: Sequence[Mapping[str, Any]], config: LogConfig
) -> Tracker:
    """Start to show a stage, or go on from `resume_step`; `kept` are its metrics up to there."""
    check_logger(config.logger)
    module = import_module(f"worldmodel.run.log.{config.logger}")  # loaded only where it is used
    opened: Open = module.open_tracker
    return opened(folder, resume_step, kept, config)
