"""Encode every collected frame once."""

import time
from pathlib import Path
from typing import Any

import torch

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentWriter
from worldmodel.models.vae import VAE
from worldmodel.rollout.device import pick_device


@torch.inference_mode()
def encode(
    vae: VAE, episodes: Path, folder: Path, run: Any, batch_size: int, device: str
) -> dict[str, float]:
    """Write mu and logvar of all frames of all episodes to `folder`, memory-mapped.

    The folder appears whole or not at all; a killed run starts over (it takes seconds).
    """
    store = EpisodeStore.open(episodes)
    where = pick_device(device)
    vae = vae.to(where)
    indices = store.indices()
    start, frames = time.time(), 0
    with (
        LatentWriter(folder, store, vae.config.z_dim) as writer,
        run.progress(len(indices), "episodes") as bar,
    ):
        for index in indices:
            episode = store.read(index)
            parts = [
                vae.encode(block.to(where))
                for block in torch.from_numpy(episode.obs).split(batch_size)
            ]
            mu, logvar = (
                torch.cat(part).float().cpu().numpy() for part in zip(*parts, strict=True)
            )
            writer.append(index, mu, logvar, episode)
            frames += len(mu)
            bar.advance()
    return {"frames": frames, "frames_per_second": frames / (time.time() - start)}
