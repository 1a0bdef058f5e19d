"""One supervised loop for V, M and every sequence model."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from worldmodel.run import checkpoint
from worldmodel.run.progress import Bar
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.holdout import Wrapped, batch_size, mean_losses
from worldmodel.train.precision import PRECISIONS, choose_precision, make_fabric
from worldmodel.types import Logs, TrainBatch, TrainData, UserError

# What a checkpoint has to hold for a training to go on.
STATE = ("weights", "optimizer", "precision", "step", "holdout", "best")
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
        if self.clip_value is not None and self.clip_value <= 0:
            raise ValueError(
                f"fit.clip_value is {self.clip_value}: it must be positive; null is none"
            )
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"fit.optimizer is {self.optimizer}: use {' or '.join(OPTIMIZERS)}")
        if self.precision not in (*PRECISIONS, "auto"):
            raise ValueError(f"fit.precision is {self.precision}: use fp32, bf16 or auto")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"fit.schedule is {self.schedule}: use constant or cosine")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update that follows `step` updates."""
        if self.schedule == "constant":
            return self.learning_rate
        fraction = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1)))
        return self.learning_rate * (0.1 + 0.9 * fraction)


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
    saved = read_state(run)
    precision = (
        saved["precision"]
        if saved
        else choose_precision(model, data, config.precision, device, run)
    )
    training = _Training(model, config, run, about, precision, device, saved)
    with run.progress(config.steps, "steps", start=training.step) as bar:
        batches = iter(data.batches(training.step))
        while training.step < config.steps:
            training.update(batches)
            if training.due(config.log_every):
                training.log_losses(bar)
            if training.due(config.holdout_every):
                training.measure(data.holdout())
                if picture is not None:
                    picture(model, training.step)
                training.restart_clock()
            if training.due(config.checkpoint_every):
                training.check_loss()
                training.save("last")
    model.cpu().eval()
    return FitResult(training.holdout, training.rate, precision)


class _Training:
    """A model and its optimizer in training, and all that a checkpoint keeps of them."""

    def __init__(
        self,
        model: nn.Module,
        config: FitConfig,
        run: Recorder,
        about: dict[str, Any],
        precision: str,
        device: str,
        saved: dict[str, Any] | None,
    ) -> None:
        self._model, self._config, self._run, self._about = model, config, run, about
        self._precision = precision
        self._fabric = make_fabric(device, precision)
        optimizer = OPTIMIZERS[config.optimizer](model.parameters(), config.learning_rate)
        self.step = 0
        self.holdout: dict[str, float] = {}
        self._best = math.inf
        self.rate = 0.0  # examples per second
        if saved:
            checkpoint.load_weights(model, saved["weights"], run.checkpoint())
            self.step, self.holdout, self._best = saved["step"], saved["holdout"], saved["best"]
            self.rate = saved.get("rate", 0.0)
            run.say(f"resuming at step {self.step} of {config.steps}")
        wrapped, self._optimizer = self._fabric.setup(model, optimizer)
        wrapped.mark_forward_method("loss")
        self._wrapped: Wrapped = wrapped
        if saved:  # after `setup`, which moves the model to the device but no optimizer's moments
            self._optimizer.load_state_dict(saved["optimizer"])
        self._log = run.log(resume_step=self.step)
        self.restart_clock()

    def update(self, batches: Iterator[TrainBatch]) -> None:
        """One step of the optimizer on the next batch."""
        self._wrapped.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate_at(self.step)
        torch.manual_seed(derive(self._run.seed, "fit", self.step))
        batch = self._fabric.to_device(next(batches))
        self._loss: Tensor
        self._logs: Logs
        self._loss, self._logs = self._wrapped.loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(self._loss)
        if self._config.clip_value is not None:
            nn.utils.clip_grad_value_(self._model.parameters(), self._config.clip_value)
        self._optimizer.step()
        self.step += 1
        self._seen += batch_size(batch)

    def due(self, every: int) -> bool:
        """Whether something is to be done at this step that is done so often, and at the end."""
        return self.step % every == 0 or self.step == self._config.steps

    def log_losses(self, bar: Bar) -> None:
        """Write the last batch's loss and the speed."""
        self.check_loss()
        loss = self._loss.item()
        self.rate = self._seen / (time.perf_counter() - self._since)
        self._log.scalars(
            self.step,
            {"train/loss": loss, "examples_per_second": self.rate}
            | {f"train/{name}": float(value) for name, value in self._logs.items()},
        )
        bar.update(self.step, f"loss {loss:.4g} · {self.rate:.0f}/s")
        self.restart_clock()

    def measure(self, batches: Iterable[TrainBatch]) -> None:
        """Write the hold-out losses; keep the weights if theirs is the lowest so far."""
        self.check_loss()
        self.holdout = mean_losses(self._wrapped, batches, self._fabric, self._run.seed)
        self._check_finite(self.holdout.get("loss", 0.0), "hold-out loss")
        self._log.scalars(
            self.step, {f"holdout/{name}": value for name, value in self.holdout.items()}
        )
        if self.holdout.get("loss", math.nan) < self._best:
            self._best = self.holdout["loss"]
            self.save("best")

    def save(self, name: str) -> None:
        """Write a checkpoint."""
        self._check_finite(_largest(self._model), "largest weight")
        state = {
            "about": self._about,
            "weights": {key: value.cpu() for key, value in self._model.state_dict().items()},
            "optimizer": self._optimizer.state_dict(),
            "precision": self._precision,
            "step": self.step,
            "holdout": self.holdout,
            "best": self._best,
            "rate": self.rate,
        }
        self._run.save(name, state)

    def restart_clock(self) -> None:
        """Measure the speed anew from here on."""
        self._seen, self._since = 0, time.perf_counter()

    def check_loss(self) -> None:
        """Raises UserError if the last batch's loss is not finite."""
        self._check_finite(self._loss.item(), "loss")

    def _check_finite(self, value: float, name: str) -> None:
        if math.isfinite(value):
            return
        path = self._run.checkpoint()
        kept = f"the last good checkpoint stays at {path}" if path.exists() else "nothing was saved"
        raise UserError(
            f"The {name} became {value} by step {self.step}: lower fit.learning_rate, under "
            f"another name=…, or look for broken values in the data; {kept}."
        )


def read_state(run: Recorder) -> dict[str, Any] | None:
    """The last checkpoint, which a training goes on from; None if there is none.

    Raises:
        UserError: if it can't be read.
    """
    path = run.checkpoint()
    return checkpoint.load(path, STATE) if path.exists() else None


def take_best(model: nn.Module, run: Recorder) -> tuple[int, dict[str, float]]:
    """Give the model the weights of checkpoints/best.pt, which later stages use.

    Returns:
        Their step, and their hold-out losses as in `FitResult`.
    """
    path = run.checkpoint("best")
    saved = checkpoint.load(path, STATE)
    checkpoint.load_weights(model, saved["weights"], path)
    return saved["step"], saved["holdout"]


def _largest(model: nn.Module) -> float:
    """Largest absolute weight; nan if any weight is nan."""
    return torch.stack([weight.detach().abs().max() for weight in model.parameters()]).max().item()
