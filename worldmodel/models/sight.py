"""What a VAE sees of its frames: a figure that means the same in every environment."""

from collections.abc import Mapping

import torch
from torch import Tensor

from worldmodel.models.vae import VAE, usual_amount

TOGETHER = 250  # frames


@torch.inference_mode()
def moving_explained(vae: VAE, batch: Mapping[str, Tensor]) -> float:
    """Share of the moving pixels' variance that reconstructions explain: 1 is all, 0 is nothing.

    A pixel moves if it changes from step to step; its variance is around the frames' mean. All
    frames in which as much as usual moves count the same, as in `VAE.loss`. Below 0, the mean frame
    would be the better reconstruction. Reconstructions are those of the posterior's mean. 0 where
    nothing moves.

    Args:
        vae: on any device.
        batch: `frames` uint8 (N, 64, 64, 3) and `moves` bool (N, 64, 64), as `VAE.loss` takes them.
    """
    frames = batch["frames"]
    device = next(vae.parameters()).device
    mean = (frames.double().mean(0) / 255).float().to(device)
    missed, there = [], []
    parts = zip(frames.split(TOGETHER), batch["moves"].split(TOGETHER), strict=True)
    for part, moving in parts:
        given, moves = part.to(device).float() / 255, moving.to(device).unsqueeze(-1)
        departure = given - mean
        decoded = vae.decode(vae.encode(part.to(device))[0])
        missed.append(((given - decoded).square() * moves).sum((1, 2, 3)))
        there.append((departure.square() * moves).sum((1, 2, 3)))
    amounts = torch.cat(there)
    most = amounts.clamp_min(usual_amount(amounts))
    blind = float((amounts / most).mean())
    return 1 - float((torch.cat(missed) / most).mean()) / blind if blind else 0.0
