"""The sketch VAE: a drawing to a latent z, and z to drawings (Ha & Eck 2017, section 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldmodel.mdn import State, Temperature
from worldmodel.pen.network import PenConfig, PenNetwork, step_nats
from worldmodel.types import Logs


@dataclass(frozen=True)
class SketchConfig:
    """Size of the VAE.

    `decoder` is as for a network without an encoder. The loss is nats per step of the drawing plus
    `kl_weight` times nats per step of the KL divergence, of which less than `kl_floor` nats per
    latent dimension costs nothing (their KL_min). The weight grows from `kl_start` to 1 times
    `kl_weight` with `kl_rate` per step, their equation 11.
    """

    encoder_hidden: int
    z_dim: int
    kl_weight: float
    kl_start: float
    kl_rate: float
    kl_floor: float
    decoder: PenConfig

    def __post_init__(self) -> None:
        for key in ("encoder_hidden", "z_dim"):
            if getattr(self, key) < 1:
                raise ValueError(f"network.{key} is {getattr(self, key)}: it must be at least 1")
        if self.kl_weight < 0 or self.kl_floor < 0:
            raise ValueError("network.kl_weight and network.kl_floor can't be negative")
        if not (0 <= self.kl_start <= 1 and 0 < self.kl_rate <= 1):
            raise ValueError("network.kl_start and network.kl_rate are shares: use 0 to 1")
        if self.decoder.pen != "state":
            raise ValueError("network.decoder.pen must be state: a sketch has an end")


class SketchNetwork(nn.Module):
    """A bidirectional LSTM reads a drawing; an LSTM that sees z at every step draws it again.

    Args:
        config: sizes and weights.
    """

    updates: Tensor

    def __init__(self, config: SketchConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = PenNetwork(config.decoder, context_dim=config.z_dim)
        size = len(self.decoder.start)
        self.encoder = nn.LSTM(size, config.encoder_hidden, batch_first=True, bidirectional=True)
        self.posterior = nn.Linear(2 * config.encoder_hidden, 2 * config.z_dim)
        layers, hidden = config.decoder.layers, config.decoder.hidden
        self.begin = nn.Linear(config.z_dim, 2 * layers * hidden)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @property
    def scale(self) -> Tensor:
        """Units of a step, see `PenNetwork`."""
        return self.decoder.scale

    def encode(self, steps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """mu and logvar (B, Z) of drawings (B, T, 3), padded as `mask` (B, T) says."""
        length = mask.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.decoder.inputs(steps), length, batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = self.encoder(packed)
        mu, logvar = self.posterior(torch.cat(list(hidden), -1)).chunk(2, -1)
        return mu, logvar

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats per step of a batch, see `SequenceData`; z is drawn from torch's global generator.

        Logs: `reconstruction` and `kl`, both per step, `move` and `pen`, and `kl_per_dim`, the KL
        divergence as the paper has it, per latent dimension.
        """
        config = self.config
        steps, mask = batch["rows"], batch["mask"]
        mu, logvar = self.encode(steps, mask)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        features = self.decoder.features(steps, z, self.first_state(z))
        reconstruction, logs = step_nats(self.decoder.sequence.heads, batch, features)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1).mean()  # nats per drawing
        costly = (kl - config.kl_floor * config.z_dim).clamp(min=0)
        loss = reconstruction + self._kl_weight() * costly / batch["per"]
        logs |= {
            "reconstruction": reconstruction.detach(),
            "kl": (kl / batch["per"]).detach(),
            "kl_per_dim": (kl / config.z_dim).detach(),
        }
        return loss, logs

    def _kl_weight(self) -> float:
        """What the KL divergence weighs now; in evaluation all that it comes to."""
        config = self.config
        if not self.training:
            return config.kl_weight
        self.updates += 1
        left = config.kl_rate ** float(self.updates)
        return config.kl_weight * (1 - (1 - config.kl_start) * left)

    def first_state(self, z: Tensor) -> State:
        """The decoder's state before the first step: tanh of a linear map of z."""
        return torch.tanh(self.begin(z)).chunk(2 * self.config.decoder.layers, -1)

    @torch.no_grad()
    def draw(
        self,
        z: Tensor,
        longest: int,
        temperature: float | Temperature = 1.0,
        *,
        begun: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> list[Tensor]:
        """A drawing (T, 3) of each z (B, Z), in `longest` steps at most, begun or from nothing."""
        return self.decoder.generate(
            len(z),
            longest,
            temperature,
            begun=begun,
            context=z,
            state=self.first_state(z),
            generator=generator,
        )
