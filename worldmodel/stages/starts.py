"""Where the dreams of a run begin."""

from pathlib import Path

import numpy as np
import torch

from worldmodel.data.latents import LatentStore
from worldmodel.dream.starts import Starts
from worldmodel.envs.make import EnvConfig, make_env
from worldmodel.models.vae import VAE
from worldmodel.seed import derive_many

FIRST_FRAMES = 32  # as many different ones as an environment that was not collected from shows


def dream_starts(
    latents: Path, burn_in: int | None, first_share: float, env: EnvConfig, vae: VAE, seed: int
) -> Starts:
    """In the encoded episodes of a run; where it has none, at first frames of its environment.

    Args:
        latents: folder that the encode stage wrote, or that is not there, as for a shipped agent.
        burn_in: see `DreamConfig`; without episodes there is nothing to follow.
        first_share: see `DreamConfig`.
        env: shows first frames.
        vae: encodes them.
        seed: of the run; first frames follow from it.
    """
    if latents.exists():
        return Starts.of(LatentStore.open(latents), burn_in, first_share)
    playground = make_env(env)
    seeds = derive_many(seed, "dream", FIRST_FRAMES)
    obs = np.stack([playground.reset(seed=one)[0] for one in seeds])
    playground.close()
    with torch.inference_mode():
        return Starts.first_frames(*vae.encode(torch.from_numpy(obs)))
