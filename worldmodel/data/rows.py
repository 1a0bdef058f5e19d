"""Tables that fit into memory, as training data."""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from worldmodel.seed import derive


class Rows:
    """Batches of rows, reshuffled in each epoch; the last batch of an epoch is a shorter one.

    Args:
        rows: columns by name, each with the same number of rows.
        batch_size: rows in a batch.
        holdout_fraction: of the rows, taken from the end and never trained on.
        seed: the batches are a function of it and the step alone.

    Raises:
        ValueError: if nothing is left to train on, or to hold out.
    """

    def __init__(
        self, rows: Mapping[str, Tensor], batch_size: int, holdout_fraction: float, seed: int
    ) -> None:
        count = len(next(iter(rows.values())))
        self._train = round(count * (1 - holdout_fraction))
        if not 0 < self._train < count:
            raise ValueError(f"holdout_fraction {holdout_fraction} of {count} rows leaves no part")
        self._rows, self._batch_size, self._seed = dict(rows), batch_size, seed
        self.batches_per_epoch = -(-self._train // batch_size)

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Endless training batches from step `start` on."""
        epoch, first = divmod(start, self.batches_per_epoch)
        while True:
            generator = torch.Generator().manual_seed(derive(self._seed, "train", epoch))
            order = torch.randperm(self._train, generator=generator)
            for picked in order.split(self._batch_size)[first:]:
                yield {name: column[picked] for name, column in self._rows.items()}
            epoch, first = epoch + 1, 0

    def holdout(self) -> Iterable[dict[str, Tensor]]:
        """The held-out rows, as one batch."""
        return [{name: column[self._train :] for name, column in self._rows.items()}]
