"""One supervised loop for V, M and every sequence model."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from worldmodel.run import checkpoint
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.precision import PRECISIONS, choose_precision
from worldmodel.types import TrainData, UserError

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7),
}


@dataclass(frozen=True)
class FitConfig:
    """Numbers of one training run.

    `optimizer` is adam or rmsprop (decay 0.9 and eps 1e-7, as in Keras); `precision` is fp32, bf16
    or auto (whichever steps faster on this machine); `schedule` is constant or cosine (down to a
    tenth of `learning_rate` at the last step); `clip_value` bounds each gradient element and is
    null for none.
    """

    steps: int
    optimizer: str
    learning_rate: float
    schedule: str
    clip_value: float | None
    precision: str
    log_every: int
    holdout_every: int
    checkpoint_every: int

    def __post_init__(self) -> None:
        for key in ("steps", "log_every", "holdout_every", "checkpoint_every"):
            if getattr(self, key) < 1:
                raise ValueError(f"fit.{key} is {getattr(self, key)}: it must be at least 1")
        if self.learning_rate <= 0:
            raise ValueError(f"fit.learning_rate is {self.learning_rate}: it must be positive")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"fit.optimizer is {self.optimizer}: use {' or '.join(OPTIMIZERS)}")
        if self.precision not in (*PRECISIONS, "auto"):
            raise ValueError(f"fit.precision is {self.precision}: use fp32, bf16 or auto")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"fit.schedule is {self.schedule}: use constant or cosine")


@dataclass(frozen=True)
class FitResult:
    """What a training run ended with."""

    holdout: dict[str, float]
    examples_per_second: float
    precision: str


def fit(
    model: nn.Module,
    data: TrainData,
    config: FitConfig,
    run: Recorder,
    *,
    about: dict[str, Any],
    device: str = "auto",
    picture: Callable[[nn.Module, int], None] | None = None,
) -> FitResult:
    """Train `model` on `data` to `config.steps`, going on from the last checkpoint if there is one.

    `model.loss(batch) -> (loss, logs)` is all that the loop knows of the model. Randomness inside
    a step is a function of (seed, step), and batches are too, so a resumed run is bitwise the
    unbroken one on the CPU.

    Args:
        model: left with its last weights, on the CPU, in eval mode; checkpoints/best.pt holds those
            with the lowest hold-out loss.
        data: training batches by step and fixed hold-out batches.
        config: numbers of the run.
        run: where checkpoints, numbers and progress go.
        about: plain description of the model, stored in its checkpoint to rebuild it.
        device: "auto", "cpu" or "cuda".
        picture: called as (model, step) after each hold-out pass, to draw something.

    Raises:
        UserError: when the loss stops being finite, or a checkpoint does not fit.
    """
    path = run.checkpoint()
    saved = checkpoint.load(path, made_by="the same command") if path.exists() else None
    precision = (
        saved["precision"]
        if saved
        else choose_precision(model, data, config.precision, device, run)
    )
    fabric = Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])  # type: ignore[arg-type]
    optimizer = OPTIMIZERS[config.optimizer](model.parameters(), config.learning_rate)
    step = 0
    if saved:
        checkpoint.load_weights(model, saved["weights"], path)
        step = saved["step"]
        run.say(f"resuming at step {step} of {config.steps}")
    wrapped, optimizer = fabric.setup(model, optimizer)
    wrapped.mark_forward_method("loss")
    if saved:  # not before `setup`: it moves the model to the device, and no optimizer's moments
        optimizer.load_state_dict(saved["optimizer"])
    log = run.log(resume_step=step)

    holdout: dict[str, float] = saved["holdout"] if saved else {}
    best = saved["best"] if saved else math.inf
    rate = saved.get("rate", 0.0) if saved else 0.0

    def save(name: str) -> None:
        _check_finite(_largest(model), step, path, "largest weight")
        state = {
            "about": about,
            "weights": {key: value.cpu() for key, value in model.state_dict().items()},
            "optimizer": optimizer.state_dict(),
            "precision": precision,
            "step": step,
            "holdout": holdout,
            "best": best,
            "rate": rate,
        }
        checkpoint.save(run.checkpoint(name), state)

    seen, since = 0, time.perf_counter()
    with run.progress(config.steps, "steps", start=step) as bar:
        batches = iter(data.batches(step))
        while step < config.steps:
            wrapped.train()
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(config, step)
            torch.manual_seed(derive(run.seed, "fit", step))
            batch = fabric.to_device(next(batches))
            loss, logs = wrapped.loss(batch)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(loss)
            if config.clip_value is not None:
                nn.utils.clip_grad_value_(model.parameters(), config.clip_value)
            optimizer.step()
            step += 1
            seen += _size(batch)
            if step % config.log_every == 0 or step == config.steps:
                value = loss.item()
                _check_finite(value, step, path)
                rate = seen / (time.perf_counter() - since)
                log.scalars(
                    step,
                    {"train/loss": value, "examples_per_second": rate}
                    | {f"train/{name}": float(entry) for name, entry in logs.items()},
                )
                bar.update(step, f"loss {value:.4g} · {rate:.0f}/s")
                seen, since = 0, time.perf_counter()
            if step % config.holdout_every == 0 or step == config.steps:
                _check_finite(loss.item(), step, path)
                holdout = evaluate(wrapped, data.holdout(), fabric, run.seed)
                _check_finite(holdout.get("loss", 0.0), step, path, "hold-out loss")
                log.scalars(step, {f"holdout/{name}": value for name, value in holdout.items()})
                if holdout.get("loss", math.nan) < best:
                    best = holdout["loss"]
                    save("best")
                if picture is not None:
                    wrapped.eval()
                    picture(model, step)
                seen, since = 0, time.perf_counter()
            if step % config.checkpoint_every == 0 or step == config.steps:
                _check_finite(loss.item(), step, path)
                save("last")
    model.cpu().eval()
    return FitResult(holdout, rate, precision)


def take_best(model: nn.Module, run: Recorder) -> tuple[int, dict[str, float]]:
    """Give the model the weights of checkpoints/best.pt, which later stages use.

    Returns:
        Their step, and their hold-out losses as in `FitResult`.
    """
    path = run.checkpoint("best")
    saved = checkpoint.load(path, made_by="the same command")
    checkpoint.load_weights(model, saved["weights"], path)
    return saved["step"], saved["holdout"]


@torch.no_grad()
def evaluate(
    model: Any, batches: Iterable[Any], fabric: Fabric, seed: int
) -> dict[str, float]:  # fmt: skip
    """Mean loss and logs over hold-out batches, weighted by batch size, same noise every time."""
    model.eval()
    torch.manual_seed(derive(seed, "fit", 0, 1))
    totals: dict[str, float] = {}
    count = 0
    for batch in batches:
        batch = fabric.to_device(batch)
        loss, logs = model.loss(batch)
        size = _size(batch)
        count += size
        for name, value in {"loss": loss, **logs}.items():
            totals[name] = totals.get(name, 0.0) + float(value) * size
    return {name: value / count for name, value in totals.items()} if count else {}


def holdout_losses(
    model: nn.Module, batches: Iterable[Any], *, seed: int, precision: str, device: str = "auto"
) -> dict[str, float]:
    """What `fit` tells of its hold-out batches, for others; empty if there are none.

    Args:
        model: left on the CPU, in eval mode.
        batches: as `TrainData.holdout` gives them.
        seed: the run's; draws the same noise as in `fit`.
        precision: "fp32" or "bf16"; take that of the `FitResult` to compare with it.
        device: "auto", "cpu" or "cuda".
    """
    fabric = Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])  # type: ignore[arg-type]
    wrapped = fabric.setup_module(model)
    wrapped.mark_forward_method("loss")
    losses = evaluate(wrapped, batches, fabric, seed)
    model.cpu().eval()
    return losses


def _learning_rate(config: FitConfig, step: int) -> float:
    if config.schedule == "constant":
        return config.learning_rate
    fraction = 0.5 * (1 + math.cos(math.pi * min(step / config.steps, 1)))
    return config.learning_rate * (0.1 + 0.9 * fraction)


def _check_finite(value: float, step: int, path: Path, name: str = "loss") -> None:
    if not math.isfinite(value):
        kept = f"the last good checkpoint stays at {path}" if path.exists() else "nothing was saved"
        raise UserError(
            f"The {name} became {value} by step {step}: lower fit.learning_rate, under another "
            f"name=…, or look for broken values in the data; {kept}."
        )


def _largest(model: nn.Module) -> float:
    """Largest absolute weight; nan if any weight is nan."""
    return torch.stack([weight.detach().abs().max() for weight in model.parameters()]).max().item()


def _size(batch: Any) -> int:
    first: Tensor = next(iter(batch.values())) if isinstance(batch, dict) else batch
    return len(first)
