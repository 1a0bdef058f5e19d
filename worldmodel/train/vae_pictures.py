"""What V and M look like while they train, in TensorBoard."""

import numpy as np
import torch
from torch import nn

from worldmodel.data.frames import FrameData
from worldmodel.models.pictures import COLUMNS, ROWS, reconstructions, samples, traversal
from worldmodel.models.sight import moving_explained
from worldmodel.models.vae import ACTIVE_VARIANCE, VAE
from worldmodel.run.recorder import Recorder

TRAVERSED = 12  # latents that are shown, those that vary most


class VAEPictures:
    """Draws reconstructions, samples and a traversal, and measures what V sees."""

    def __init__(self, data: FrameData, run: Recorder) -> None:
        self._run = run
        self._holdout = data.whole_holdout()
        frames = self._holdout["frames"]
        at = np.linspace(0, len(frames) - 1, min(COLUMNS, len(frames))).round().astype(int)
        self._frames = frames[at]

    @torch.inference_mode()
    def __call__(self, vae: nn.Module, step: int) -> None:
        """Write the pictures of one step."""
        assert isinstance(vae, VAE)
        device = next(vae.parameters()).device
        frames = self._frames.to(device)
        log = self._run.log()
        log.image(step, "reconstructions", reconstructions(vae, frames))
        log.image(step, "samples", samples(vae, ROWS, COLUMNS, seed=0))
        parts = self._holdout["frames"].split(250)
        mu = torch.cat([vae.encode(part.to(device))[0] for part in parts])
        variance = mu.var(0) if len(mu) > 1 else torch.zeros_like(mu[0])
        most = variance.argsort(descending=True)[:TRAVERSED].tolist()
        for first in range(0, len(most), ROWS):
            rows = most[first : first + ROWS]
            name = f"traversal/{first + 1}-{first + ROWS}"
            log.image(step, name, traversal(vae, frames[len(frames) // 2], rows))
        active = float((variance > ACTIVE_VARIANCE).sum())
        seen = moving_explained(vae, self._holdout)
        log.scalars(step, {"holdout/active_units": active, "holdout/moving_explained": seen})
