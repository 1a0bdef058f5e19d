"""A recurrent mixture density network that predicts where a pen goes next."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldmodel.mdn import (
    Bernoulli,
    BernoulliHead,
    BoundedLogSigma,
    CategoricalHead,
    MixtureHead,
    SequenceModel,
    State,
    Temperature,
)
from worldmodel.mdn.sequence import Generated, Stop
from worldmodel.pen.strokes import DOWN, END
from worldmodel.types import Logs

STATES = 3  # of the pen: DOWN, LIFT and END


@dataclass(frozen=True)
class PenConfig:
    """Size of the network.

    `skip` shows every layer the input, and the heads every layer (Graves 2013); `components` are
    the bivariate Gaussians of a move. `pen` is "lift", whether a stroke ends, as in Graves 2013, or
    "state", whether the stroke goes on, ends, or the drawing ends, as in Ha & Eck 2017. `position`
    shows the network where the pen is, seen from where it began, beside the last move.
    """

    layers: int
    hidden: int
    skip: bool
    dropout: float
    components: int
    pen: str
    position: bool
    log_sigma_min: float
    log_sigma_max: float

    def __post_init__(self) -> None:
        for key in ("layers", "hidden", "components"):
            if getattr(self, key) < 1:
                raise ValueError(f"network.{key} is {getattr(self, key)}: it must be at least 1")
        if self.pen not in ("lift", "state"):
            raise ValueError(f"network.pen is {self.pen}: use lift or state")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout is {self.dropout}: use 0 or more, and less than 1")
        BoundedLogSigma(self.log_sigma_min, self.log_sigma_max)  # refuses what is not in order


class PenNetwork(nn.Module):
    """Steps so far to the next one: a move (dx, dy) and what the pen does then.

    Graves 2013, section 4.1, and Ha & Eck 2017, section 3.2, without its encoder. Steps are in
    units of `scale`, the deviation of all dx and dy of the training data, which is kept with the
    weights as `place_scale` is, the deviation of positions.

    Args:
        config: sizes.
        context_dim: size of a vector that is shown at every step, see `predict`; 0 for none.
    """

    scale: Tensor
    place_scale: Tensor

    def __init__(self, config: PenConfig, context_dim: int = 0) -> None:
        super().__init__()
        self.config = config
        features = config.hidden * (config.layers if config.skip else 1)
        sigma = BoundedLogSigma(config.log_sigma_min, config.log_sigma_max)
        heads: dict[str, nn.Module] = {
            "move": MixtureHead(features, 2, config.components, covariance="full", sigma=sigma),
            "pen": BernoulliHead(features)
            if config.pen == "lift"
            else CategoricalHead(features, STATES),
        }
        size = 2 + STATES + 2 * config.position
        self.sequence = SequenceModel(
            size + context_dim,
            config.hidden,
            heads,
            layers=config.layers,
            skip=config.skip,
            dropout=config.dropout,
        )
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("place_scale", torch.ones(()))

    @property
    def start(self) -> Tensor:
        """The input (I,) before the first step: nothing has moved yet."""
        return torch.zeros(2 + STATES + 2 * self.config.position, device=self.scale.device)

    def inputs(self, steps: Tensor) -> Tensor:
        """What is shown of steps (B, T, 3): the move, the pen's state, and where it is."""
        move, pen = steps[..., :2], steps[..., 2].long()
        parts = [move, self._one_hot(pen)]
        if self.config.position:
            parts.append(move.cumsum(-2) / self.place_scale)
        return torch.cat(parts, -1)

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats per step of a batch, see `SequenceData`, of move and pen together."""
        return step_nats(self.sequence.heads, batch, self.features(batch["rows"]))

    def features(
        self, steps: Tensor, context: Tensor | None = None, state: State | None = None
    ) -> Tensor:
        """What the heads read (B, T, F) to predict each of steps (B, T, 3) from those before.

        `context` (B, C) is shown at every step, if the network was made for one; `state` is that
        before the first step, zeros if None.
        """
        first = self.start.expand(len(steps), 1, -1)
        shown = torch.cat([first, self.inputs(steps[:, :-1])], 1)
        if context is not None:
            shown = torch.cat([shown, context.unsqueeze(1).expand(-1, shown.shape[1], -1)], -1)
        found: Tensor = self.sequence(shown, state)[0]
        return found

    @torch.no_grad()
    def generate(
        self,
        count: int,
        longest: int,
        temperature: float | Temperature = 1.0,
        *,
        begun: Tensor | None = None,
        context: Tensor | None = None,
        state: State | None = None,
        generator: torch.Generator | None = None,
    ) -> list[Tensor]:
        """Draw `count` drawings of `longest` steps at most, each (T, 3).

        A network that knows no end of a drawing goes on for all of them.

        Args:
            count: drawings.
            longest: steps that are drawn, beside those that are given.
            temperature: of every draw.
            begun: steps (T, 3) with which all of them begin.
            context: (count, C), for a network that was made for one.
            state: of the recurrent layers before the first step; zeros if None.
            generator: source of the draws.
        """
        given = torch.zeros(0, 3, device=self.scale.device) if begun is None else begun
        prime = torch.cat([self.start[None], self.inputs(given[None])[0]])
        prime = prime.expand(count, *prime.shape)
        if context is not None:
            prime = torch.cat([prime, context.unsqueeze(1).expand(-1, prime.shape[1], -1)], -1)
        out = self.sequence.generate(
            prime,
            longest,
            temperature,
            generator,
            state=state,
            feedback=self._next_input,
            stop=self._stop,
        )
        return [torch.cat([given, steps]) for steps in self._steps(out)]

    def _next_input(self, x: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
        """The input after a draw; what is behind the step's own numbers stays."""
        parts = [draw["move"], self._one_hot(draw["pen"].long())]
        if self.config.position:
            known = 2 + STATES
            parts.append(x[:, known : known + 2] + draw["move"] / self.place_scale)
        own = torch.cat(parts, -1)
        return torch.cat([own, x[:, own.shape[-1] :]], -1)

    @property
    def _stop(self) -> Stop | None:
        if self.config.pen == "lift":
            return None
        return lambda draw: draw["pen"] == END

    def _steps(self, out: Generated) -> list[Tensor]:
        pen = out.drawn["pen"].unsqueeze(-1).to(out.drawn["move"].dtype)
        steps = torch.cat([out.drawn["move"], pen], -1)
        return [one[:length] for one, length in zip(steps, out.length.tolist(), strict=True)]

    def _one_hot(self, pen: Tensor) -> Tensor:
        if self.config.pen == "lift":  # an end is a lift
            pen = pen.clamp(DOWN, 1)
        return nn.functional.one_hot(pen, STATES).to(self.scale.dtype)


def step_nats(
    heads: nn.Module, batch: Mapping[str, Tensor], features: Tensor
) -> tuple[Tensor, Logs]:
    """Nats per step of a batch by heads `move` and `pen` that read features (B, T, F)."""
    steps = batch["rows"]
    outputs = heads(features)
    lift = isinstance(outputs["pen"], Bernoulli)
    pen = steps[..., 2] > 0 if lift else steps[..., 2].long()
    parts = outputs.nll({"move": steps[..., :2], "pen": pen}, batch["mask"], reduction="sum")
    per = len(steps) * batch["per"]
    logs = {name: (parts[name] / per).detach() for name in ("move", "pen")}
    return parts["total"] / per, logs
