"""Where the dreams of a run begin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from worldmodel.data.latents import LatentStore
from worldmodel.dream.dynamics import DreamConfig
from worldmodel.dream.places import FILE, STAGE, Places
from worldmodel.dream.starts import Starts
from worldmodel.envs.make import EnvConfig, make_env
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.seed import derive_many

FIRST_FRAMES = 32  # as many different ones as an environment that was not collected from shows


def dream_starts(
    stage: Callable[[str], Path],
    config: DreamConfig,
    env: EnvConfig,
    vae: VAE,
    mdnrnn: MDNRNN,
    seed: int,
) -> Starts:
    """Where the dreams of a run begin: in its encoded episodes.

    Where it has none, as a shipped agent, they begin at the places that were exported with it; and
    where these are missing, at first frames of its environment.

    Args:
        stage: folder of a stage of the run, which need not be there.
        config: says whether they begin at first frames only.
        env: shows first frames.
        vae: encodes them.
        mdnrnn: M, whose states the exported places hold.
        seed: of the run; first frames follow from it.
    """
    latents, places = stage("encode") / "latents", stage(STAGE) / FILE
    if latents.exists():
        return Starts.of(LatentStore.open(latents), config.burn_in, config.first_share)
    if places.exists():
        kept = Places.read(places, vae.config.z_dim, mdnrnn.config.hidden)
        return Starts.at_places(kept.first() if config.burn_in is None else kept)
    playground = make_env(env)
    seeds = derive_many(seed, "dream", FIRST_FRAMES)
    obs = np.stack([playground.reset(seed=one)[0] for one in seeds])
    playground.close()
    with torch.inference_mode():
        return Starts.first_frames(*vae.encode(torch.from_numpy(obs)))
