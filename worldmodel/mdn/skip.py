"""Recurrent layers that all see the input (Graves 2013, section 2)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Cell = Literal["lstm", "gru"]
RECURRENT: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU}
# Hidden state of every layer (layers, B, hidden), and with it the cell state of an LSTM.
Stacked = Tensor | tuple[Tensor, Tensor]


class SkipStack(nn.Module):
    """Layers one above the other; the input goes to each, and the output is that of all.

    Called as torch's recurrent layers are, batch first.

    Args:
        input_dim: size of the input at each step.
        hidden: size of each layer.
        layers: how many.
        cell: "lstm" or "gru".
        dropout: share of what a layer tells the next one that is left out while training.
    """

    def __init__(
        self, input_dim: int, hidden: int, layers: int, cell: Cell, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        sizes = [input_dim + (hidden if layer else 0) for layer in range(layers)]
        self.layers = nn.ModuleList(
            RECURRENT[cell](size, hidden, batch_first=True) for size in sizes
        )

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """Weights and biases of each layer, as torch's layers list them."""
        return [list(layer.all_weights[0]) for layer in self.layers]  # type: ignore[index]

    def forward(self, x: Tensor, state: Stacked | None = None) -> tuple[Tensor, Stacked]:
        """Inputs (B, T, input_dim) to outputs (B, T, layers · hidden) and the last states."""
        outputs: list[Tensor] = []
        after = []
        for i, layer in enumerate(self.layers):
            given = torch.cat([x, self.dropout(outputs[-1])], -1) if outputs else x
            before = None if state is None else _layer(state, i)
            output, last = layer(given, before)
            outputs.append(output)
            after.append(last)
        if isinstance(after[0], tuple):
            hidden, cell = zip(*after, strict=True)
            return torch.cat(outputs, -1), (torch.cat(hidden), torch.cat(cell))
        return torch.cat(outputs, -1), torch.cat(after)


def _layer(state: Stacked, i: int) -> Stacked:
    """The state of one layer."""
    if isinstance(state, tuple):
        return state[0][i : i + 1], state[1][i : i + 1]
    return state[i : i + 1]
