"""V as one would write it first, to measure what the faster one gains."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from worldmodel.models.vae import DECODER_KERNELS, ENCODER_KERNEL, VAE, VAEConfig, gaussian_kl

ROUNDS = 21


class PlainVAE(nn.Module):
    """The same function and parameters in torch's own layers, fp32, contiguous memory."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        down = (3, *config.encoder_channels)
        up = (4 * down[-1], *config.decoder_channels, 3)
        layers: list[nn.Module] = []
        for i in range(4):
            layers += [nn.Conv2d(down[i], down[i + 1], ENCODER_KERNEL, stride=2), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)
        self.to_mu = nn.Linear(up[0], config.z_dim)
        self.to_logvar = nn.Linear(up[0], config.z_dim)
        self.from_z = nn.Linear(config.z_dim, up[0])
        layers = []
        for i, kernel in enumerate(DECODER_KERNELS):
            layers += [nn.ConvTranspose2d(up[i], up[i + 1], kernel, stride=2), nn.ReLU()]
        self.decoder = nn.Sequential(*layers[:-1], nn.Sigmoid())
        self.floor = config.free_bits * config.z_dim

    def encode(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, z_dim) of frames uint8 (B, 64, 64, 3)."""
        return self._posterior(_to_maps(obs))

    def loss(self, obs: Tensor) -> Tensor:
        """The loss of `VAE.loss` on frames uint8 (B, 64, 64, 3)."""
        frames = _to_maps(obs)
        mu, logvar = self._posterior(frames)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        decoded = self.decoder(self.from_z(z)[:, :, None, None])
        recon = (decoded - frames).square().sum((1, 2, 3)).mean()
        return recon + gaussian_kl(mu, logvar).clamp_min(self.floor).mean()

    def _posterior(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(frames).flatten(1)
        return self.to_mu(features), self.to_logvar(features)


def _to_maps(obs: Tensor) -> Tensor:
    return obs.permute(0, 3, 1, 2).contiguous().float() / 255


def training_speed(
    config: VAEConfig, precision: str, batch_size: int, device: str = "cpu"
) -> tuple[float, float]:
    """Training frames per second (ours, plain): medians of alternating steps."""
    obs = torch.randint(0, 256, (batch_size, 64, 64, 3), dtype=torch.uint8, device=device)
    ours, plain = VAE(config).to(device), PlainVAE(config).to(device)
    fused = torch.optim.Adam(ours.parameters(), 1e-4, fused=True)
    simple = torch.optim.Adam(plain.parameters(), 1e-4)

    def ours_loss() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            return ours.loss(obs)[0]

    steps = {"ours": _step(ours_loss, fused), "plain": _step(lambda: plain.loss(obs), simple)}
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    fast, slow = (batch_size / statistics.median(seconds[name][1:]) for name in steps)
    return fast, slow


def _step(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        value.item()  # waits for a GPU

    return step
