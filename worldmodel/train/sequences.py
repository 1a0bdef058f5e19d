"""Training and testing a network of sequences."""

from collections.abc import Callable
from typing import Any

from torch import nn

from worldmodel.data.sequences import SequenceData
from worldmodel.run import checkpoint
from worldmodel.run.recorder import Recorder
from worldmodel.train.fit import STATE, FitConfig, fit, take_best
from worldmodel.train.holdout import holdout_losses


def fit_and_test(
    model: nn.Module,
    data: SequenceData,
    config: FitConfig,
    run: Recorder,
    *,
    about: dict[str, Any],
    device: str,
    picture: Callable[[nn.Module, int], None] | None = None,
    keep: str = "best",
) -> dict[str, float]:
    """Train, take the weights that validate best, and measure them on the test split.

    With `keep` "last" the last weights take the place of the best.

    Returns:
        `nats` per row of the test split and its parts, `valid_nats`, `best_step`, `parameters`.
    """
    result = fit(model, data, config, run, about=about, device=device, picture=picture)
    if keep == "last":
        run.save("best", checkpoint.load(run.checkpoint("last"), STATE))
    step, holdout = take_best(model, run)
    tested = holdout_losses(
        model, data.of("test"), seed=run.seed, precision=result.precision, device=device
    )
    figures = {"nats": tested.pop("loss"), **tested, "valid_nats": holdout["loss"]}
    figures["best_step"] = step
    figures["parameters"] = sum(weight.numel() for weight in model.parameters())
    return figures
