"""Encode every collected frame once."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentStore, LatentWriter
from worldmodel.models.vae import VAE
from worldmodel.run.hardware import pick_device
from worldmodel.run.run import Run
from worldmodel.types import Episode, FloatArray, UserError


@torch.inference_mode()
def encode(
    vae: VAE, episodes: Path, folder: Path, run: Run, batch_size: int, device: str
) -> dict[str, float]:
    """Write mu and logvar of all frames of all episodes to `folder`, memory-mapped.

    Episodes that the run upstream has encoded with the same V are taken from there. The folder
    appears whole or not at all; a killed run starts over (it takes seconds).

    Raises:
        UserError: if `batch_size` is less than 1.
    """
    if batch_size < 1:
        raise UserError(f"encode.batch_size is {batch_size}: it must be at least 1.")
    store = EpisodeStore.open(episodes)
    where = pick_device(device)
    vae = vae.to(where)
    indices, upstream = store.indices(), run.made_upstream(of="train_vae")
    earlier = None if upstream is None else LatentStore.open(upstream / "latents")
    start, frames, encoded = time.time(), 0, 0
    with (
        LatentWriter(folder, store, vae.config.z_dim) as writer,
        run.progress(len(indices), "episodes") as bar,
    ):
        for index in indices:
            episode = store.read(index)
            latents = None if earlier is None else _taken(earlier, index, episode)
            if latents is None:
                blocks = torch.from_numpy(episode.obs).to(where).split(batch_size)
                latents = _concat([vae.encode(block) for block in blocks])
                encoded += len(episode.obs)
            writer.append(index, *latents, episode)
            frames += len(episode.obs)
            bar.advance()
    rate = frames / (time.time() - start)
    return {"frames": frames, "encoded_anew": encoded, "frames_per_second": rate}


def _concat(parts: list[tuple[Tensor, Tensor]]) -> tuple[FloatArray, FloatArray]:
    mu, logvar = (torch.cat(part).float().cpu().numpy() for part in zip(*parts, strict=True))
    return mu, logvar


def _taken(
    earlier: LatentStore, index: int, episode: Episode
) -> tuple[FloatArray, FloatArray] | None:
    """Mu and logvar of an episode, if the very same one was encoded earlier."""
    if index not in earlier.indices():
        return None
    there = earlier.episode(index)
    same = (
        np.array_equal(there.action, episode.action)
        and np.array_equal(there.reward, episode.reward)
        and len(there.mu) == len(episode.obs)
    )
    return (there.mu, there.logvar) if same else None
