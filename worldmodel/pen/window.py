"""Handwriting synthesis: a soft window slides over the text (Graves 2013, section 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from worldmodel.mdn import BernoulliHead, BoundedLogSigma, Heads, MixtureHead, Temperature
from worldmodel.pen.network import step_nats
from worldmodel.types import Logs

INPUT = 3  # dx, dy and whether the pen was lifted
STEEPEST = 6.0  # logarithm of a window's height, narrowness and step, at most


@dataclass(frozen=True)
class WindowConfig:
    """Size of the network: `windows` Gaussians over the text, `components` of a move."""

    layers: int
    hidden: int
    windows: int
    dropout: float
    components: int
    log_sigma_min: float
    log_sigma_max: float

    def __post_init__(self) -> None:
        for key in ("layers", "hidden", "windows", "components"):
            if getattr(self, key) < 1:
                raise ValueError(f"network.{key} is {getattr(self, key)}: it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout is {self.dropout}: use 0 or more, and less than 1")
        BoundedLogSigma(self.log_sigma_min, self.log_sigma_max)  # refuses what is not in order


class WindowState(NamedTuple):
    """What the network carries from step to step."""

    first: tuple[Tensor, Tensor]  # hidden and cell (B, hidden) of the first layer
    kappa: Tensor  # (B, windows): where the windows are, in characters
    seen: Tensor  # (B, characters): what the window shows
    upper: tuple[tuple[Tensor, Tensor], ...]  # hidden and cell (1, B, hidden) of each further layer


class Text(NamedTuple):
    """Texts as a network sees them."""

    one_hot: Tensor  # (B, U + 1, characters); zeros behind the end
    inside: Tensor  # (B, U + 1): 1 up to the place behind the last character


class Written(NamedTuple):
    """Lines that a network wrote."""

    steps: list[Tensor]  # each (T, 3)
    window: list[Tensor]  # each (T, U + 1): how much of each character it saw when it drew a step
    ended: Tensor  # (B,): whether the window came to the end of the text


class WindowNetwork(nn.Module):
    """Steps so far and a text to the next step.

    The first layer moves `windows` Gaussians along the text, only forwards, and sees what they show
    of it; so do all layers, which see the step as well, and the heads see all layers (Graves 2013,
    equations 46 to 58).

    Args:
        config: sizes.
        characters: that a text has, different ones.
        rate: characters per step with which the windows start to move.
    """

    scale: Tensor

    def __init__(self, config: WindowConfig, characters: int, rate: float = 0.1) -> None:
        super().__init__()
        self.config, self.characters = config, characters
        self.first = nn.LSTMCell(INPUT + characters, config.hidden)
        self.window = nn.Linear(config.hidden, 3 * config.windows)
        self.upper = nn.ModuleList(
            nn.LSTM(INPUT + characters + config.hidden, config.hidden, batch_first=True)
            for _ in range(config.layers - 1)
        )
        self.dropout = nn.Dropout(config.dropout)
        features = config.layers * config.hidden
        sigma = BoundedLogSigma(config.log_sigma_min, config.log_sigma_max)
        self.heads = Heads(
            {
                "move": MixtureHead(features, 2, config.components, covariance="full", sigma=sigma),
                "pen": BernoulliHead(features),
            }
        )
        with torch.no_grad():
            self.window.bias[2 * config.windows :] = torch.tensor(rate).log()
        self.register_buffer("scale", torch.ones(()))

    def initial_state(self, batch: int) -> WindowState:
        """Zeros: the windows stand at the first character."""
        config, like = self.config, self.scale
        zero = like.new_zeros(batch, config.hidden)
        upper = tuple((zero[None], zero[None]) for _ in self.upper)
        kappa = like.new_zeros(batch, config.windows)
        return WindowState((zero, zero), kappa, like.new_zeros(batch, self.characters), upper)

    def read(self, numbers: Tensor, length: Tensor) -> Text:
        """Texts given as numbers (B, U) of characters and lengths (B,)."""
        padded = nn.functional.pad(numbers, (0, 1))
        place = torch.arange(padded.shape[1], device=numbers.device)
        one_hot = nn.functional.one_hot(padded, self.characters).to(self.scale.dtype)
        within = (place < length.unsqueeze(-1)).unsqueeze(-1)
        return Text(one_hot * within, (place <= length.unsqueeze(-1)).to(one_hot.dtype))

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats per step of a batch, see `SequenceData`, with `text` (B, U) and `length` (B,)."""
        text = self.read(batch["text"], batch["length"])
        features, _, _ = self(shifted(batch["rows"]), text)
        return step_nats(self.heads, batch, features)

    def forward(
        self, x: Tensor, text: Text, state: WindowState | None = None
    ) -> tuple[Tensor, Tensor, WindowState]:
        """Inputs (B, T, 3) to features (B, T, layers · hidden), what the window saw (B, T, U + 1),
        and the state after the last step.
        """
        state = state or self.initial_state(len(x))
        first, kappa, seen = state.first, state.kappa, state.seen
        hidden, shown, looked = [], [], []
        for step in x.unbind(1):
            first, kappa, seen, phi = self._look(step, first, kappa, seen, text)
            hidden.append(first[0])
            shown.append(seen)
            looked.append(phi)
        below = torch.stack(hidden, 1)
        given = torch.cat([x, torch.stack(shown, 1)], -1)
        layers, upper = [below], []
        for layer, before in zip(self.upper, state.upper, strict=True):
            below, after = _run(layer, torch.cat([given, self.dropout(below)], -1), before)
            layers.append(below)
            upper.append(after)
        features = self.dropout(torch.cat(layers, -1))
        return features, torch.stack(looked, 1), WindowState(first, kappa, seen, tuple(upper))

    def _look(
        self, x: Tensor, first: tuple[Tensor, Tensor], kappa: Tensor, seen: Tensor, text: Text
    ) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor, Tensor]:
        """One step of the first layer and the windows: its state, kappa, what is seen, and phi."""
        first = self.first(torch.cat([x, seen], -1), first)
        raw = self.window(first[0]).clamp(max=STEEPEST).exp()
        height, narrow, move = raw.chunk(3, -1)
        kappa = kappa + move
        place = torch.arange(text.inside.shape[1], dtype=raw.dtype, device=raw.device)
        away = (kappa.unsqueeze(-1) - place).square()
        phi = (height.unsqueeze(-1) * torch.exp(-narrow.unsqueeze(-1) * away)).sum(1) * text.inside
        return first, kappa, torch.bmm(phi.unsqueeze(1), text.one_hot).squeeze(1), phi

    @torch.no_grad()
    def write(
        self,
        text: Text,
        longest: int,
        temperature: float | Temperature = 1.0,
        *,
        begun: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Written:
        """Write each text, up to where the window leaves it, in `longest` steps at most.

        It ends once the window sees more of the place behind the text than of any character
        (Graves 2013, section 5.3).

        Args:
            text: of all lines; with `begun`, the text that these steps wrote comes first in it.
            longest: steps of a line.
            temperature: of every draw, see `Temperature.graves`.
            begun: steps (T, 3) that all lines begin with, and whose style they go on in; they are
                not returned.
            generator: source of the draws.
        """
        count = len(text.inside)
        given = self.scale.new_zeros(0, 3) if begun is None else begun
        x = shifted(torch.cat([given, given.new_zeros(1, 3)])[None]).expand(count, -1, -1)
        state: WindowState | None = None
        last = text.inside.sum(-1).long() - 1  # the place behind the text
        going = torch.ones(count, dtype=torch.bool, device=x.device)
        length = torch.full((count,), longest, device=x.device)
        drawn, looked = [], []
        # Faster than no_grad; what is made outside of it is as any tensor.
        with torch.inference_mode():
            for i in range(longest):
                features, phi, state = self(x, text, state)
                outputs = self.heads(features[:, -1])
                draw = outputs.sample(temperature=temperature, generator=generator)
                step = torch.cat([draw["move"], draw["pen"].unsqueeze(-1)], -1)
                drawn.append(step)
                looked.append(phi[:, -1])
                behind = phi[:, -1].gather(-1, last.unsqueeze(-1)).squeeze(-1)
                others = phi[:, -1].scatter(-1, last.unsqueeze(-1), -1).amax(-1)
                ends = going & (behind > others)
                length = torch.where(ends, i, length)
                going = going & ~ends
                if not going.any():
                    break
                x = step.unsqueeze(1)
        steps, window = torch.stack(drawn, 1), torch.stack(looked, 1)
        cuts = length.tolist()
        return Written(
            [one[:cut] for one, cut in zip(steps, cuts, strict=True)],
            [one[:cut] for one, cut in zip(window, cuts, strict=True)],
            ~going,
        )


def _run(
    layer: nn.Module, x: Tensor, state: tuple[Tensor, Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """An LSTM over x (B, T, I); one step alone without what torch sets up for a sequence."""
    assert isinstance(layer, nn.LSTM)
    if x.shape[1] > 1:
        output, after = layer(x, state)
        return output, after
    weights: list[Tensor] = layer.all_weights[0]  # type: ignore[assignment]
    hidden, cell = torch.lstm_cell(x[:, 0], (state[0][0], state[1][0]), *weights)
    return hidden.unsqueeze(1), (hidden[None], cell[None])


def shifted(steps: Tensor) -> Tensor:
    """The inputs (B, T, 3) that predict steps (B, T, 3): those before, and nothing at first."""
    lifted = torch.cat([steps[..., :2], (steps[..., 2:] > 0).to(steps.dtype)], -1)
    return torch.cat([torch.zeros_like(lifted[:, :1]), lifted[:, :-1]], 1)
