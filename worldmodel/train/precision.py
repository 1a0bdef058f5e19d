"""In which precision a model trains: asked for, or measured on this machine."""

import statistics
import time
from collections.abc import Callable

from lightning_fabric import Fabric
from torch import nn

from worldmodel.run.recorder import Recorder
from worldmodel.types import TrainData

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
PROBES = 8  # steps of each precision that "auto" times
WORTHWHILE = 0.9  # bf16 has to save this much before it is taken: it costs accuracy


def make_fabric(device: str, precision: str) -> Fabric:
    """One device, "auto", "cpu" or "cuda", in "fp32" or "bf16"."""
    return Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])  # type: ignore[arg-type]


def choose_precision(
    model: nn.Module, data: TrainData, asked: str, device: str, run: Recorder
) -> str:
    """The precision asked for, or for "auto" the one that steps faster here."""
    if asked != "auto":
        return asked
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    steps = {name: _make_step(model, data, device, name) for name in PRECISIONS}
    seconds: dict[str, list[float]] = {name: [] for name in PRECISIONS}
    for _ in range(PROBES):
        for name, step in steps.items():  # in turns, so that a busy moment hits both
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    model.load_state_dict(weights)
    model.zero_grad(set_to_none=True)
    took = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    chosen = "bf16" if took["bf16"] < WORTHWHILE * took["fp32"] else "fp32"
    times_message = ", ".join(f"{name} {1e3 * value:.0f} ms" for name, value in took.items())
    run.say(f"precision {chosen} (a step takes {times_message})")
    return chosen


def _make_step(
    model: nn.Module, data: TrainData, device: str, precision: str
) -> Callable[[], None]:
    """Forward and backward on one batch; the weights stay as they are."""
    fabric = make_fabric(device, precision)
    wrapped = fabric.setup_module(model)
    wrapped.mark_forward_method("loss")
    batch = fabric.to_device(next(iter(data.batches(0))))

    def step() -> None:
        loss, _ = wrapped.loss(batch)
        fabric.backward(loss)
        loss.item()

    return step
