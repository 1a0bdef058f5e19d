"""A recurrent mixture density network that predicts the next touch (Martin & Torresen 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldmodel.mdn import (
    BoundedLogSigma,
    GroupedMixtureHead,
    MixtureHead,
    SequenceModel,
    State,
    Temperature,
)
from worldmodel.types import Logs

SWIPE = 0.1  # seconds: a touch that comes later begins a new swipe
INPUTS = 6  # dx, dy, log dt, x, y and whether a swipe begins
DT = 2  # column of a touch that is its time


@dataclass(frozen=True)
class TouchConfig:
    """Size of the network.

    `mixture` is "joint", over move and time together, or "apart": a mixture of bivariate Gaussians
    over the move beside one of the time.
    """

    layers: int
    hidden: int
    dropout: float
    components: int
    mixture: str
    log_sigma_min: float
    log_sigma_max: float

    def __post_init__(self) -> None:
        for key in ("layers", "hidden", "components"):
            if getattr(self, key) < 1:
                raise ValueError(f"network.{key} is {getattr(self, key)}: it must be at least 1")
        if self.mixture not in ("joint", "apart"):
            raise ValueError(f"network.mixture is {self.mixture}: use joint or apart")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout is {self.dropout}: use 0 or more, and less than 1")
        BoundedLogSigma(self.log_sigma_min, self.log_sigma_max)  # refuses what is not in order


class TouchNetwork(nn.Module):
    """Touches so far to the next one: its move from the last, and the logarithm of its time.

    Touches are rows of x, y and dt: fractions of the screen, and seconds since the one before.

    Args:
        config: sizes.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: TouchConfig) -> None:
        super().__init__()
        self.config = config
        sigma = BoundedLogSigma(config.log_sigma_min, config.log_sigma_max)
        head: nn.Module = (
            MixtureHead(config.hidden, 3, config.components, covariance="full", sigma=sigma)
            if config.mixture == "joint"
            else GroupedMixtureHead(
                config.hidden,
                [[0, 1], [2]],
                config.components,
                covariance=["full", "diagonal"],
                sigma=sigma,
            )
        )
        self.sequence = SequenceModel(
            INPUTS,
            config.hidden,
            {"step": head},
            layers=config.layers,
            dropout=config.dropout,
        )
        # Of moves and log times, which the network sees in these units.
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("deviation", torch.ones(3))

    def steps(self, touches: Tensor) -> Tensor:
        """Moves and log times (B, T-1, 3) between touches (B, T, 3), standardised."""
        moves = touches[..., :DT].diff(dim=-2)
        return self._standard(torch.cat([moves, touches[..., 1:, DT:].log()], -1))

    def inputs(self, touches: Tensor) -> Tensor:
        """What is shown of touches (B, T, 3); nothing has moved before the first."""
        first = torch.zeros_like(touches[..., :1, :])
        steps = torch.cat([first, self.steps(touches)], -2)
        swipe = (touches[..., DT:] > SWIPE).to(steps.dtype)
        return torch.cat([steps, 2 * touches[..., :DT] - 1, swipe], -1)

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats of a touch after the first, as a density over (dx, dy, dt), see `SequenceData`.

        The batch's rows are touches (B, T, 3).
        """
        touches, mask = batch["rows"], batch["mask"]
        # Padding is a touch that comes after a second: its time has a logarithm.
        touches = torch.where(mask.unsqueeze(-1), touches, torch.ones_like(touches))
        features, _ = self.sequence(self.inputs(touches[:, :-1]))
        target = self.steps(touches)
        known = mask[:, 1:]
        total = self.sequence.heads(features).nll({"step": target}, known, reduction="sum")
        count = len(touches) * (batch["per"] - 1)
        # From standard units and log dt to screens and seconds.
        log_time = torch.where(known, touches[:, 1:, DT].log(), 0).sum()
        jacobian = known.sum() * self.deviation.log().sum() + log_time
        return (total["total"] + jacobian) / count, {}

    @torch.no_grad()
    def generate(
        self,
        begun: Tensor,
        count: int,
        seconds: float,
        temperature: float | Temperature = 1.0,
        *,
        longest: int = 2000,
        state: State | None = None,
        generator: torch.Generator | None = None,
    ) -> list[Tensor]:
        """Draw `count` ways to go on for some seconds, each touches (T, 3) on the screen.

        Args:
            begun: touches (T, 3), T at least 1.
            count: how many.
            seconds: that each lasts, at most.
            temperature: of every draw.
            longest: touches of each, at most.
            state: of the recurrent layers before `begun`; zeros if None.
            generator: source of the draws.
        """
        given = begun.expand(count, *begun.shape)
        spent = torch.zeros(count, device=begun.device)
        where = given[:, -1, :DT].clone()
        drawn: list[Tensor] = []

        def feed(_: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
            nonlocal where
            step = draw["step"] * self.deviation + self.mean
            place = (where + step[:, :DT]).clamp(0, 1)
            time = step[:, DT:].exp()
            drawn.append(torch.cat([place, time], -1))
            # What was played, not what was drawn: the screen ends at its edges.
            played = self._standard(torch.cat([place - where, step[:, DT:]], -1))
            where = place
            return torch.cat([played, 2 * place - 1, (time > SWIPE).to(time.dtype)], -1)

        def stop(draw: Mapping[str, Tensor]) -> Tensor:
            nonlocal spent
            spent = spent + (draw["step"][:, DT] * self.deviation[DT] + self.mean[DT]).exp()
            return spent > seconds

        out = self.sequence.generate(
            self.inputs(given), longest, temperature, generator,
            state=state, feedback=feed, stop=stop,
        )  # fmt: skip
        whole = torch.stack(drawn, 1)
        # The touch that a performance ends with comes too late.
        ended = (spent > seconds).long()
        return [
            touches[: length - end]
            for touches, length, end in zip(whole, out.length.tolist(), ended.tolist(), strict=True)
        ]

    def _standard(self, steps: Tensor) -> Tensor:
        return (steps - self.mean) / self.deviation
