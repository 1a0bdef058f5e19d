"""A recurrent network with distribution heads: over sequences, step by step, or on its own."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, get_args

import torch
from torch import Tensor, nn

from .config import Config, config, config_of
from .heads import Heads
from .nll import Outputs
from .simple import Categorical
from .skip import RECURRENT, Cell, SkipStack
from .temperature import Temperature

# Layer by layer, each (batch, hidden): hidden and cell of an LSTM, hidden of a GRU.
State = tuple[Tensor, ...]
# The input (B, input_dim) before a draw and the draw by name, to the input after it.
Feedback = Callable[[Tensor, Mapping[str, Tensor]], Tensor]
# A draw by name, to the sequences (B,) that it ends.
Stop = Callable[[Mapping[str, Tensor]], Tensor]


class Generated(NamedTuple):
    """What `SequenceModel.generate` drew, and where each sequence stood at its end."""

    # (B, longest, ...) by head; 0 after a sequence's end. All n steps without a stop rule.
    drawn: dict[str, Tensor]
    length: Tensor  # (B,): steps drawn
    last: Tensor  # (B, 1, input_dim): the last draw as an input, which the state has not seen
    state: State


class SequenceModel(nn.Module):
    """Recurrent layers and heads that read the last hidden state.

    Args:
        input_dim: size of the input at each step.
        hidden: size of each layer.
        heads: modules from features (..., features_dim) to a distribution, by name.
        cell: "lstm" or "gru".
        layers: how many, one above the other.
        inputs: names of the heads in the order in which what they draw stands in an input; None:
            the order of `heads`. `generate` feeds draws back so.
        skip: every layer sees the input too, and the features are the hidden states of all layers,
            (layers · hidden), as in Graves 2013, section 2.
        dropout: share of the features, and of what one layer tells the next, that `forward` leaves
            out while training (Zaremba, Sutskever & Vinyals 2014).

    Raises:
        ValueError: for another cell, less than one layer, no heads, inputs that are not them, or a
            dropout that is not in [0, 1).
    """

    def __init__(
        self,
        input_dim: int,
        hidden: int,
        heads: Mapping[str, nn.Module],
        cell: Cell = "lstm",
        layers: int = 1,
        inputs: Sequence[str] | None = None,
        *,
        skip: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in get_args(Cell):
            raise ValueError(f"cell is {cell!r}: use lstm or gru")
        if layers < 1:
            raise ValueError(f"layers is {layers}: use at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}: use at least 0 and less than 1")
        self.hidden, self.layers, self.input_dim = hidden, layers, input_dim
        self.cell: Cell = cell
        self.dropout = nn.Dropout(dropout)
        self.rnn: nn.RNNBase | SkipStack
        if skip:
            self.rnn = SkipStack(input_dim, hidden, layers, cell, dropout)
        else:
            between = dropout if layers > 1 else 0.0
            self.rnn = RECURRENT[cell](input_dim, hidden, layers, batch_first=True, dropout=between)
        self.heads = Heads(heads)
        self.inputs = tuple(heads if inputs is None else inputs)
        if not heads:
            raise ValueError("a sequence model without heads predicts nothing: give it one")
        if sorted(self.inputs) != sorted(heads):
            raise ValueError(f"inputs are {self.inputs}: name each of {sorted(heads)} once")

    @property
    def config(self) -> Config:
        """What it is made with, for `mdn.save.from_config`."""
        return config(
            self,
            input_dim=self.input_dim,
            hidden=self.hidden,
            heads={name: config_of(head) for name, head in self.heads.items()},
            cell=self.cell,
            layers=self.layers,
            inputs=list(self.inputs),
            skip=self.skip,
            dropout=self.dropout.p,
        )

    @property
    def skip(self) -> bool:
        """Whether every layer sees the input and is seen by the heads."""
        return isinstance(self.rnn, SkipStack)

    @property
    def features_dim(self) -> int:
        """Size of the features that the heads read."""
        return self.hidden * (self.layers if self.skip else 1)

    def initial_state(self, batch: int, device: torch.device | str | None = None) -> State:
        """Zeros, each (batch, hidden); on the device of the weights if None."""
        weight = next(self.rnn.parameters())
        shape, count = (batch, self.hidden), self.layers * self._tensors
        options = {"dtype": weight.dtype, "device": device or weight.device}
        return tuple(torch.zeros(shape, **options) for _ in range(count))  # type: ignore[call-overload]

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over time, from zeros if there is no state.

        Args:
            x: (B, T, input_dim).
            state: as from `initial_state`.

        Returns:
            Features (B, T, features_dim), the hidden state after each step, and the state after
            the last.
        """
        if _lacks_bfloat16(x):
            with torch.autocast("cpu", enabled=False):
                return self._run(x.float(), state)
        return self._run(x, state)

    def _run(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        stacked = None
        if state is not None:
            stacked = [torch.stack(state[i :: self._tensors]) for i in range(self._tensors)]
        if self.cell == "gru":
            features, hidden = self.rnn(x, stacked[0] if stacked else None)
            return self.dropout(features), hidden.unbind()
        features, (hidden, cell) = self.rnn(x, tuple(stacked) if stacked else None)
        pairs = zip(hidden, cell, strict=True)
        return self.dropout(features), tuple(tensor for pair in pairs for tensor in pair)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of `forward` with the same weights, and without dropout.

        x (B, input_dim) to features (B, features_dim). The cells alone skip what torch sets up for
        a sequence: on the CPU 5 times faster at batch 1, twice at batch 16, level with it where the
        matrix product dominates.
        """
        after: list[Tensor] = []
        below = x
        every: list[list[Tensor]] = self.rnn.all_weights  # type: ignore[assignment]
        for layer, weights in enumerate(every):
            if self.skip and layer:
                below = torch.cat([x, below], -1)
            if self.cell == "gru":
                below = torch.gru_cell(below, state[layer], *weights)
                after.append(below)
            else:
                lstm = _lstm_cell if _rounds_the_state(x) else torch.lstm_cell
                below, cell = lstm(below, state[2 * layer : 2 * layer + 2], *weights)
                after += [below, cell]
        features = torch.cat(after[:: self._tensors], -1) if self.skip else below
        return features, tuple(after)

    @torch.no_grad()
    def generate(
        self,
        prime: Tensor,
        n: int,
        temperature: float | Temperature = 1.0,
        generator: torch.Generator | None = None,
        *,
        state: State | None = None,
        feedback: Feedback | None = None,
        stop: Stop | None = None,
    ) -> Generated:
        """Show a beginning, then draw up to `n` steps, each from what was drawn before.

        `generate(out.last, n, state=out.state)` goes on from where `out` ended, as if it had not.

        Args:
            prime: inputs (B, T, input_dim), T at least 1; B sequences are drawn together.
            n: most steps to draw.
            temperature: of every draw, see `Temperature`.
            generator: source of the draws.
            state: before the beginning; zeros if None.
            feedback: turns a draw into the next input; if None the draws are concatenated in the
                order of `inputs`, a category as one-hot vector.
            stop: says of a draw by name which sequences (B,) it ends, that draw included; None:
                all have `n` steps.

        Raises:
            ValueError: if `prime` or a fed-back input is not of the size that the model takes.
        """
        if prime.ndim != 3 or prime.shape[1] == 0 or prime.shape[-1] != self.input_dim or n < 1:
            raise ValueError(
                f"generating {n} steps after {tuple(prime.shape)}: at least 1 step of each and "
                f"inputs of size {self.input_dim} are needed, (B, T, {self.input_dim})"
            )
        if state is not None and len(state) != self.layers * self._tensors:
            raise ValueError(
                f"a state of {len(state)} tensors: this model has {self.layers * self._tensors}"
            )
        with torch.inference_mode():  # faster than no_grad alone
            drawn, length, x, state = self._draw(
                prime, n, temperature, generator, state, feedback, stop
            )
        # Copies that are made outside of it are tensors like any other.
        parts = {name: torch.stack([draw[name] for draw in drawn], 1) for name in drawn[0]}
        last = x.clone().unsqueeze(1)
        return Generated(parts, length.clone(), last, tuple(part.clone() for part in state))

    def _draw(
        self,
        prime: Tensor,
        n: int,
        temperature: float | Temperature,
        generator: torch.Generator | None,
        state: State | None,
        feedback: Feedback | None,
        stop: Stop | None,
    ) -> tuple[list[dict[str, Tensor]], Tensor, Tensor, State]:
        """The draws of `generate` one after the other, lengths (B,), the last input and state."""
        features, state = self._begin(prime, state)
        x = prime[:, -1]
        drawn: list[dict[str, Tensor]] = []
        going: Tensor | None = None  # which sequences (B,) go on, once some have ended
        length = torch.full((len(x),), n, device=x.device)
        for i in range(n):
            outputs = self.heads(features)
            draw = outputs.sample(temperature=temperature, generator=generator)
            drawn.append(_silence(draw, going))
            x = _where(going, self._feed(x, outputs, draw, feedback), x)
            if stop is not None:
                ends = _ended(stop(draw), length)
                ends = ends if going is None else going & ends
                length = torch.where(ends, i + 1, length)
                if bool(ends.any()):
                    going = ~ends if going is None else going & ~ends
                    if not going.any():
                        break
            if i + 1 < n:
                features, after = self.step(x, state)
                state = tuple(map(partial(_where, going), after, state))
        return drawn, length, x, state

    def _feed(
        self, x: Tensor, outputs: Outputs, draw: Mapping[str, Tensor], feedback: Feedback | None
    ) -> Tensor:
        """The input (B, input_dim) after a draw."""
        fed = feedback(x, draw) if feedback else _concatenate(outputs, draw, self.inputs)
        if fed.shape != x.shape:
            raise ValueError(
                f"a draw makes inputs {tuple(fed.shape)}, the model takes {tuple(x.shape)}: pass a "
                "`feedback` that fits"
            )
        return fed

    def _begin(self, prime: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Features and state after a beginning; torch's layers take no empty batch."""
        if not len(prime):
            state = self.initial_state(0)
            return state[0].new_zeros(0, self.features_dim), state
        features, after = self(prime, state)
        return features[:, -1], after

    @property
    def _tensors(self) -> int:
        return 1 if self.cell == "gru" else 2


def _rounds_the_state(x: Tensor) -> bool:
    """Whether torch's cell would keep the state in autocast's precision, as it does on a GPU."""
    return x.is_cuda and torch.is_autocast_enabled("cuda")


def _lstm_cell(
    x: Tensor,
    state: State,
    input_weight: Tensor,
    hidden_weight: Tensor,
    input_bias: Tensor,
    hidden_bias: Tensor,
) -> tuple[Tensor, Tensor]:
    """`torch.lstm_cell` with only its products in autocast's precision; hidden and cell (B, H)."""
    hidden, cell = state
    linear = nn.functional.linear
    gates = linear(x, input_weight, input_bias).to(cell.dtype)
    gates = gates + linear(hidden, hidden_weight, hidden_bias).to(cell.dtype)
    enter, keep, new, leave = gates.chunk(4, -1)
    cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
    return leave.sigmoid() * cell.tanh(), cell


def _lacks_bfloat16(x: Tensor) -> bool:
    """Whether torch would ask oneDNN for an LSTM that this processor has no instructions for."""
    if x.is_cuda or not torch.is_autocast_enabled("cpu"):
        return False
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _concatenate(outputs: Outputs, draw: Mapping[str, Tensor], inputs: Sequence[str]) -> Tensor:
    parts = []
    for name in inputs:
        output = outputs[name]
        if isinstance(output, Categorical):
            one_hot = nn.functional.one_hot(draw[name], output.logits.shape[-1])
            parts.append(one_hot.to(output.logits.dtype))
        else:
            size = math.prod(draw[name].shape[1:])
            parts.append(draw[name].reshape(len(draw[name]), size))
    return torch.cat(parts, -1)


def _ended(found: Tensor, every: Tensor) -> Tensor:
    """What a stop rule said, if it said it of each sequence."""
    if not isinstance(found, Tensor) or found.shape != every.shape:
        said = tuple(found.shape) if isinstance(found, Tensor) else repr(found)
        raise ValueError(f"stop returned {said}: it has to say of each of {tuple(every.shape)}")
    return found.bool()


def _silence(draw: Mapping[str, Tensor], going: Tensor | None) -> dict[str, Tensor]:
    """Draws (B, ...) with 0 for the sequences that have ended."""
    if going is None:
        return dict(draw)
    return {name: _where(going, part, torch.zeros_like(part)) for name, part in draw.items()}


def _where(going: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    """Rows (B, ...) of the first for the sequences that go on, all if None, else of the second."""
    if going is None:
        return new
    return torch.where(going.view(-1, *[1] * (new.ndim - 1)), new, old)
