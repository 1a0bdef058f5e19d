"""Losses of a model on hold-out batches: the same batches and the same noise every time."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from worldmodel.seed import derive
from worldmodel.train.precision import make_fabric
from worldmodel.types import Logs, TrainBatch


class Wrapped(Protocol):
    """A model as Fabric hands it back: in its precision, on its device."""

    def loss(self, batch: TrainBatch) -> tuple[Tensor, Logs]:
        """The model's own loss and what else it reports."""
        ...

    def train(self) -> object:
        """Training mode."""
        ...

    def eval(self) -> object:
        """Evaluation mode."""
        ...


@torch.no_grad()
def mean_losses(
    model: Wrapped, batches: Iterable[TrainBatch], fabric: Fabric, seed: int
) -> dict[str, float]:
    """Mean loss and logs over hold-out batches, weighted by batch size; empty without batches.

    Leaves the model in eval mode.
    """
    model.eval()
    torch.manual_seed(derive(seed, "fit", 0, 1))
    totals: dict[str, float] = {}
    count = 0
    for batch in batches:
        batch = fabric.to_device(batch)
        loss, logs = model.loss(batch)
        size = batch_size(batch)
        count += size
        for name, value in {"loss": loss, **logs}.items():
            totals[name] = totals.get(name, 0.0) + float(value) * size
    return {name: value / count for name, value in totals.items()} if count else {}


def holdout_losses(
    model: nn.Module,
    batches: Iterable[TrainBatch],
    *,
    seed: int,
    precision: str,
    device: str = "auto",
) -> dict[str, float]:
    """What `fit` logs of its hold-out batches, for others; empty if there are none.

    Args:
        model: left on the CPU, in eval mode.
        batches: as `TrainData.holdout` gives them.
        seed: the run's; draws the same noise as in `fit`.
        precision: "fp32" or "bf16"; take that of the `FitResult` to compare with it.
        device: "auto", "cpu" or "cuda".
    """
    fabric = make_fabric(device, precision)
    wrapped = fabric.setup_module(model)
    wrapped.mark_forward_method("loss")
    losses = mean_losses(wrapped, batches, fabric, seed)
    model.cpu().eval()
    return losses


def batch_size(batch: TrainBatch) -> int:
    """Examples in a batch: the length of its first tensor."""
    return len(next(iter(batch.values())) if isinstance(batch, Mapping) else batch)
