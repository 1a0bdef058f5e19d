"""V: the convolutional VAE that turns a frame into a latent z (Ha & Schmidhuber 2018, appendix)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldmodel.models.fast_deconv import FastConvTranspose2d
from worldmodel.types import Logs, UserError

OBS_SHAPE = (64, 64, 3)
ENCODER_KERNEL = 4
DECODER_KERNELS = (5, 5, 6, 6)
LAST_MAP = 2 * 2  # pixels left of a 64×64 frame after the four convolutions
# Wide enough never to touch a healthy run; keeps exp(logvar) finite in one that goes wrong.
LOGVAR_BOUND = 20.0
# A latent is active if the variance of its mean over the data exceeds this.
ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of V and the floor of its KL term.

    `free_bits` is the floor in nats per latent dimension: the KL of a sample costs at least
    free_bits·z_dim. `encoder_channels` has one entry per convolution, `decoder_channels` one per
    transposed convolution but the last, which makes the three colours.
    """

    z_dim: int
    free_bits: float
    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]

    def __post_init__(self) -> None:
        for key, count in (("encoder_channels", 4), ("decoder_channels", 3)):
            channels = tuple(getattr(self, key))
            object.__setattr__(self, key, channels)
            if len(channels) != count or min(channels) < 1:
                raise ValueError(
                    f"vae.{key} is {list(channels)}: it must be {count} positive numbers"
                )
        if self.z_dim < 1:
            raise ValueError(f"vae.z_dim is {self.z_dim}: it must be at least 1")
        if not self.free_bits >= 0:
            raise ValueError(f"vae.free_bits is {self.free_bits}: it must be 0 or more")


class VAE(nn.Module):
    """Encoder q(z|frame) and decoder p(frame|z).

    Frames come in as uint8 (B, 64, 64, 3), as environments and stores hold them, and go out as
    float32 in [0, 1] of the same shape. Inside, maps are (B, C, H, W) in channels_last memory,
    which is what a batch of such frames already is.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        flat = LAST_MAP * config.encoder_channels[-1]
        colours = OBS_SHAPE[-1]
        self.encoder = _encoder((colours, *config.encoder_channels))
        self.to_mu = nn.Linear(flat, config.z_dim)
        self.to_logvar = nn.Linear(flat, config.z_dim)
        self.from_z = nn.Linear(config.z_dim, flat)
        self.decoder = _decoder((flat, *config.decoder_channels, colours))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # The widest weight, used as a matrix: a fused Adam copies it if it is channels_last.
        first = self.decoder[0]
        assert isinstance(first, FastConvTranspose2d)
        first.weight.data = first.weight.data.contiguous()

    def encode(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, z_dim), fp32, of z given frames uint8 (B, 64, 64, 3).

        The log-variance is cut to ±`LOGVAR_BOUND`.

        Raises:
            UserError: if the frames are of another shape or type.
        """
        return self._posterior(_to_maps(obs))

    def decode(self, z: Tensor) -> Tensor:
        """Frames (B, 64, 64, 3) float32 in [0, 1] of latents (B, z_dim)."""
        return self._render(z).permute(0, 2, 3, 1)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """z ~ N(mu, exp(logvar)) with torch's global generator, differentiable in both."""
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def loss(self, batch: Tensor) -> tuple[Tensor, Logs]:
        """Squared error summed over a frame plus floored KL, both averaged over the batch.

        loss = mean_b [Σ (frame - decoded)²] + mean_b max(KL_b, free_bits·z_dim), frames in [0, 1];
        the floor is on each sample's KL, as in the paper's code (cf. Kingma et al. 2016).

        Args:
            batch: uint8 frames (B, 64, 64, 3).

        Returns:
            The loss and, detached: recon, kl (nats, before the floor), kl_loss (after it) and
            active_units, the latents whose mean varies over the batch (Burda et al. 2016).

        Raises:
            UserError: if the frames are of another shape or type.
        """
        maps = _to_maps(batch)
        mu, logvar = self._posterior(maps)
        decoded = self._render(self.sample(mu, logvar))
        recon = F.mse_loss(decoded, maps, reduction="sum") / len(batch)
        kl = gaussian_kl(mu, logvar)
        kl_loss = kl.clamp_min(self.config.free_bits * self.config.z_dim).mean()
        active = (mu.detach().var(0, correction=0) > ACTIVE_VARIANCE).sum()
        logs = {"recon": recon, "kl": kl.mean(), "kl_loss": kl_loss, "active_units": active}
        return recon + kl_loss, {name: value.detach().float() for name, value in logs.items()}

    def forward(self, batch: Tensor) -> tuple[Tensor, Logs]:
        """The same as `loss`, for wrappers that only know `forward`."""
        return self.loss(batch)

    def _posterior(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(maps).flatten(1)
        logvar = self.to_logvar(features).float().clamp(-LOGVAR_BOUND, LOGVAR_BOUND)
        return self.to_mu(features).float(), logvar

    def _render(self, z: Tensor) -> Tensor:
        return self.decoder(self.from_z(z)[:, :, None, None]).float().sigmoid_()


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, I)) in nats, (B,) for inputs (B, z_dim)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


def _encoder(channels: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, ENCODER_KERNEL, stride=2), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _decoder(channels: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (inputs, outputs), kernel in zip(pairwise(channels), DECODER_KERNELS, strict=True):
        layers += [FastConvTranspose2d(inputs, outputs, kernel), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def _to_maps(obs: Tensor) -> Tensor:
    """uint8 (B, H, W, C) to float32 (B, C, H, W) in [0, 1]: the permuted view is channels_last."""
    if obs.dtype != torch.uint8 or obs.shape[1:] != OBS_SHAPE:
        raise UserError(
            f"V takes uint8 frames (B, {', '.join(map(str, OBS_SHAPE))}) but got "
            f"{obs.dtype} {tuple(obs.shape)}: use an env config that resizes frames to 64x64x3."
        )
    return obs.permute(0, 3, 1, 2).float() / 255
