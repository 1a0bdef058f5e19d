"""Pictures of what the models know, as (H, W, 3) uint8 arrays."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worldmodel.models.vae import VAE
from worldmodel.types import Frames

GAP = 2
# TensorBoard shows a picture 350 pixels wide and 210 high: so many frames stay 64 pixels in size.
COLUMNS, ROWS = 5, 3


def grid(rows: list[Frames]) -> Frames:
    """Rows of equally many frames (N, H, W, 3) under one another, with a thin gap."""
    padding = ((0, 0), (0, GAP), (0, GAP), (0, 0))
    lines = [np.concatenate(list(np.pad(row, padding, constant_values=255)), 1) for row in rows]
    return np.concatenate(lines, 0)


@torch.inference_mode()
def decode(vae: VAE, z: Tensor) -> Frames:
    """Frames (N, H, W, 3) uint8 of latents (N, Z)."""
    return (vae.decode(z).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


@torch.inference_mode()
def reconstructions(vae: VAE, obs: Tensor) -> Frames:
    """Frames (N, H, W, 3) above their reconstructions."""
    mu, _ = vae.encode(obs)
    return grid([obs.cpu().numpy(), decode(vae, mu)])


@torch.inference_mode()
def samples(vae: VAE, rows: int, columns: int, seed: int) -> Frames:
    """Decoded draws from the prior."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(rows * columns, vae.config.z_dim, generator=generator)
    frames = decode(vae, z.to(next(vae.parameters()).device))
    return grid(list(frames.reshape(rows, columns, *frames.shape[1:])))


@torch.inference_mode()
def traversal(vae: VAE, frame: Tensor, dimensions: Sequence[int], columns: int = COLUMNS) -> Frames:
    """One frame (H, W, 3) with one latent at a time moved from -3 to 3, a row per latent."""
    mu, _ = vae.encode(frame[None])
    rows = []
    for dimension in dimensions:
        z = mu.repeat(columns, 1)
        z[:, dimension] = torch.linspace(-3, 3, columns)
        rows.append(decode(vae, z))
    return grid(rows)


def filmstrip(vae: VAE, obs: Frames, z: Tensor, dreamt: Tensor, columns: int = 10) -> Frames:
    """Frames (T, H, W, 3) above V's reconstructions above M's dream, evenly thinned out."""
    at = np.linspace(0, len(obs) - 1, min(columns, len(obs))).round().astype(int)
    return grid([obs[at], decode(vae, z[at]), decode(vae, dreamt[at])])
