"""V: the convolutional VAE that turns a frame into a latent z (Ha & Schmidhuber 2018, appendix)."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldmodel.models.fast_deconv import FastConvTranspose2d
from worldmodel.types import Logs, TrainBatch, UserError

OBS_SHAPE = (64, 64, 3)
ENCODER_KERNEL = 4
DECODER_KERNELS = (5, 5, 6, 6)
LAST_MAP = 2 * 2  # pixels left of a 64×64 frame after the four convolutions
# Wide enough never to touch a healthy run; keeps exp(logvar) finite in one that goes wrong.
LOGVAR_BOUND = 20.0
# A latent is active if the variance of its mean over the data exceeds this.
ACTIVE_VARIANCE = 0.01


# Root mean square departures from the mean frame that the encoder sees as 1.
SCALE = 4.0
LEAST_SCALE = 1e-6
MEASURED_TOGETHER = 500  # frames: bounds the memory of `measure`
# Of frames in which nothing moves at all; a single pixel's departure from black to white is 1.
LEAST_ENERGY = 1e-3
# What the logits of the mean frame are cut to: a pixel that is always black may still light up.
MEAN_FRAME_RANGE = (0.02, 0.98)


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of V and its loss.

    `free_bits` is the floor in nats per latent dimension: the KL of a sample costs at least
    free_bits·z_dim. `encoder_channels` has one entry per convolution, `decoder_channels` one per
    transposed convolution but the last, which makes the three colours.

    `moving_nats` chooses the loss. None is the paper's: squared error, whose weight against the KL
    depends on how much of the picture moves. A number makes V see what moves, however small it is
    (see `VAE.loss`): so many nats is it worth to explain all of it. A pixel that departs from the
    mean frame by more than `moving_threshold`, of 1, then counts 1 + `moving_weight` times.
    `moving_share` of the nats are for the pixels that change by more than that from step to step:
    what differs from episode to episode, such as a landscape, may be a hundred times as large as
    what moves before it.
    """

    z_dim: int
    free_bits: float
    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    moving_nats: float | None = None
    moving_weight: float = 10.0
    moving_threshold: float = 0.15
    moving_share: float = 0.0  # as before there was a choice

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
        if self.moving_nats is not None and not self.moving_nats > 0:
            raise ValueError(
                f"vae.moving_nats is {self.moving_nats}: it must be positive, or null for the "
                "paper's loss"
            )
        if not self.moving_weight >= 0:
            raise ValueError(f"vae.moving_weight is {self.moving_weight}: it must be 0 or more")
        if not 0 < self.moving_threshold < 1:
            raise ValueError(
                f"vae.moving_threshold is {self.moving_threshold}: it must be between 0 and 1"
            )
        if not 0 <= self.moving_share <= 1:
            raise ValueError(f"vae.moving_share is {self.moving_share}: use 0 to 1")


class VAE(nn.Module):
    """Encoder q(z|frame) and decoder p(frame|z).

    Frames come in as uint8 (B, 64, 64, 3), as environments and stores hold them, and go out as
    float32 in [0, 1] of the same shape. Inside, maps are (B, C, H, W) in channels_last memory,
    which is what a batch of such frames already is.

    With `moving_nats`, V works on departures from the mean frame of its training data, which
    `measure` takes: the encoder sees them, scaled, and the decoder adds its logits to those of the
    mean frame. It has no parameters more.
    """

    mean_frame: Tensor
    scale: Tensor
    usual: Tensor
    blind: Tensor

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
        if config.moving_nats is not None:
            self.register_buffer("mean_frame", torch.zeros(colours, *OBS_SHAPE[:2]))
            self.register_buffer("scale", torch.ones(()))
            self.register_buffer("usual", torch.ones(2), persistent=False)
            self.register_buffer("blind", torch.ones(2), persistent=False)
        self._hastened: Callable[[Tensor], Tensor] | None = None
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # The widest weight, used as a matrix: a fused Adam copies it if it is channels_last.
        first = self.decoder[0]
        assert isinstance(first, FastConvTranspose2d)
        first.weight.data = first.weight.data.contiguous()

    @torch.no_grad()
    def measure(self, batch: TrainBatch, keep_mean: bool = False) -> None:
        """Take from data what the loss of `moving_nats` needs; nothing is done without it.

        Args:
            batch: some of the training data, as `loss` takes them.
            keep_mean: leave the mean frame and the scale as they are, for a V that was trained.
        """
        if self.config.moving_nats is None:
            return
        frames, motion_of = _take_apart(batch)
        parts = frames.split(MEASURED_TOGETHER)
        if not keep_mean:
            total = torch.stack([_to_maps(part).sum(0) for part in parts]).sum(0)
            self.mean_frame.copy_(total / len(frames))
            squared = sum(
                float((_to_maps(part) - self.mean_frame).square().sum()) for part in parts
            )
            mean_square = squared / (len(frames) * self.mean_frame.numel())
            self.scale.fill_(SCALE * mean_square**0.5 + LEAST_SCALE)
        if motion_of is None:
            motion_of = torch.zeros(frames.shape[:3], dtype=torch.bool, device=frames.device)
        pairs = zip(parts, motion_of.split(MEASURED_TOGETHER), strict=True)
        there = [self._amounts(_to_maps(part), self.mean_frame, moves) for part, moves in pairs]
        for term, amounts in enumerate(torch.cat(there, 1)):
            usual = usual_amount(amounts)
            self.usual[term] = usual
            self.blind[term] = (amounts / amounts.clamp_min(usual)).mean()

    def encode(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, z_dim), fp32, of z given frames uint8 (B, 64, 64, 3).

        The log-variance is cut to ±`LOGVAR_BOUND`.

        Raises:
            UserError: if the frames are of another shape or type.
        """
        return self._posterior(_to_maps(obs), self._hastened)

    def hasten(self) -> "VAE":
        """Encode from now on with convolutions in bfloat16, for rollouts; training wants fp32.

        Returns:
            This V. The mean of z moves by one or two hundredths of the posterior's deviation.
        """
        hastened = copy.deepcopy(self.encoder).to(torch.bfloat16)
        self._hastened = hastened.forward  # no part of the model: it is not saved with it
        return self

    def decode(self, z: Tensor) -> Tensor:
        """Frames (B, 64, 64, 3) float32 in [0, 1] of latents (B, z_dim)."""
        return self._render(z).permute(0, 2, 3, 1)

    def sample(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """z ~ N(mu, exp(logvar)) with torch's global generator, differentiable in both."""
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def loss(self, batch: TrainBatch) -> tuple[Tensor, Logs]:
        """What is wrong with the decoded frames plus floored KL, both averaged over the batch.

        loss = mean_b [Σ (frame - decoded)²] + mean_b max(KL_b, free_bits·z_dim), frames in [0, 1];
        the floor is on each sample's KL, as in the paper's code (cf. Kingma et al. 2016).

        The squared error has a unit, so its weight against the KL depends on the environment: a
        ball of a few pixels is worth less than the nats that it costs, and V leaves it out. With
        `moving_nats` the first term is moving_nats · [(1 - s) E + s M], where E and M are shares of
        what there is to see: E of the squared error with every pixel that departs from the mean
        frame weighted by 1 + moving_weight, M of that of the pixels alone that move from step to
        step; s is moving_share (0 where nothing moves). For both, a frame's error is divided by
        that of the mean frame in its place, or by the median of these over the data where that is
        more: a frame in which all flashes counts no more than another. The term is moving_nats
        where V sees nothing, 0 where it sees all, in any environment.

        Args:
            batch: `frames` uint8 (B, 64, 64, 3), and `moves` bool (B, 64, 64), the pixels that
                change to or from the next frame; or the frames alone, and s is 0.

        Returns:
            The loss and, detached: recon (squared error), kl (nats, before the floor), kl_loss
            (after it) and active_units, the latents whose mean varies over the batch (Burda et al.
            2016); with `moving_nats` also unexplained, the bracket above.

        Raises:
            UserError: if the frames are of another shape or type.
        """
        frames, moves = _take_apart(batch)
        maps = _to_maps(frames)
        mu, logvar = self._posterior(maps)
        decoded = self._render(self.sample(mu, logvar))
        recon = F.mse_loss(decoded, maps, reduction="sum") / len(frames)
        kl = gaussian_kl(mu, logvar)
        kl_loss = kl.clamp_min(self.config.free_bits * self.config.z_dim).mean()
        active = (mu.detach().var(0, correction=0) > ACTIVE_VARIANCE).sum()
        logs = {"recon": recon, "kl": kl.mean(), "kl_loss": kl_loss, "active_units": active}
        error = recon
        if self.config.moving_nats is not None:
            logs["unexplained"] = self._unexplained(maps, decoded, moves)
            error = self.config.moving_nats * logs["unexplained"]
        return error + kl_loss, {name: value.detach().float() for name, value in logs.items()}

    def forward(self, batch: TrainBatch) -> tuple[Tensor, Logs]:
        """The same as `loss`, for wrappers that only know `forward`."""
        return self.loss(batch)

    def _posterior(
        self, maps: Tensor, hastened: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.config.moving_nats is not None:
            maps = (maps - self.mean_frame) / self.scale
        if hastened is None:
            features = self.encoder(maps).flatten(1)
        else:
            features = hastened(maps.to(torch.bfloat16)).float().flatten(1)
        logvar = self.to_logvar(features).float().clamp(-LOGVAR_BOUND, LOGVAR_BOUND)
        return self.to_mu(features).float(), logvar

    def _render(self, z: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.from_z(z)[:, :, None, None]).float()
        if self.config.moving_nats is not None:
            logits = logits + torch.logit(self.mean_frame.clamp(*MEAN_FRAME_RANGE))
        return logits.sigmoid_()

    def _unexplained(self, maps: Tensor, decoded: Tensor, moves: Tensor | None) -> Tensor:
        """Share of what there is to see that is not in the decoded frames, as in `loss`."""
        missed = self._amounts(maps, decoded, moves)
        with torch.no_grad():
            there = self._amounts(maps, self.mean_frame, moves)
        shares = (missed / there.maximum(self.usual[:, None])).mean(1)
        known = self.blind > 0
        shares = shares / torch.where(known, self.blind, 1)
        motion = 0.0 if moves is None else self.config.moving_share * known[1]
        return (1 - motion) * shares[0] + motion * shares[1]

    def _amounts(self, maps: Tensor, drawn: Tensor, moves: Tensor | None) -> Tensor:
        """Squared errors (2, B) of drawn frames: of the weighted pixels, and of those that move."""
        squared = (maps - drawn).square().sum(1)
        departure = (maps - self.mean_frame).abs().amax(1)
        weight = 1 + self.config.moving_weight * (departure > self.config.moving_threshold)
        moving = torch.zeros_like(squared) if moves is None else squared * moves
        return torch.stack([(squared * weight).sum((1, 2)), moving.sum((1, 2))])


def _take_apart(batch: TrainBatch) -> tuple[Tensor, Tensor | None]:
    """Frames, and which of their pixels move if that is known."""
    return (batch, None) if isinstance(batch, Tensor) else (batch["frames"], batch["moves"])


def usual_amount(amounts: Tensor) -> float:
    """Median of what there is to see in frames (N,) where there is anything."""
    there = amounts[amounts > 0]
    return max(float(there.median()), LEAST_ENERGY) if len(there) else LEAST_ENERGY


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
