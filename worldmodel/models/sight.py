"""What a VAE sees of its frames: a figure that means the same in every environment."""

import torch
from torch import Tensor

from worldmodel.models.vae import VAE

TOGETHER = 250  # frames


@torch.inference_mode()
def moving_explained(vae: VAE, frames: Tensor) -> float:
    """Share of the moving pixels' variance that reconstructions explain: 1 is all, 0 is nothing.

    A pixel of a frame moves if it departs from the frames' mean by more than
    `vae.config.moving_threshold` in any colour; its variance is around that mean. Below 0, the
    mean frame would be the better reconstruction. Reconstructions are those of the posterior's
    mean. 0 where nothing moves.

    Args:
        vae: on any device.
        frames: uint8 (N, 64, 64, 3).
    """
    device = next(vae.parameters()).device
    mean = (frames.double().mean(0) / 255).float().to(device)
    missed, there = 0.0, 0.0
    for part in frames.split(TOGETHER):
        given = part.to(device).float() / 255
        departure = given - mean
        moves = departure.abs().amax(-1, keepdim=True) > vae.config.moving_threshold
        decoded = vae.decode(vae.encode(part.to(device))[0])
        missed += float(((given - decoded).square() * moves).sum())
        there += float((departure.square() * moves).sum())
    return 1 - missed / there if there else 0.0
