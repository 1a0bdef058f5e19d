"""The train_vae stage: V on the collected frames."""

from dataclasses import asdict
from pathlib import Path

import torch

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.frames import FrameData, FramesConfig
from worldmodel.data.split import warn_if_shared
from worldmodel.models.sight import moving_explained
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run import checkpoint
from worldmodel.run.run import Run
from worldmodel.train.fit import FitConfig, fit, take_best
from worldmodel.train.holdout import holdout_losses
from worldmodel.train.vae_pictures import VAEPictures

# What the stage reports of the newest hold-out episodes alone.
NEWEST = ("recon", "kl")
# Below this share of the moving pixels' variance the smaller things in a picture are not seen.
ENOUGH = 0.5


def train_vae(
    config: VAEConfig,
    frames: FramesConfig,
    fitting: FitConfig,
    run: Run,
    *,
    device: str,
    start: Path | None = None,
) -> dict[str, float]:
    """Train V on the collected frames; its speed, what it sees, and its hold-out losses.

    Where episodes were replayed, V's losses on the newest hold-out episodes alone come with them.

    Args:
        config: V.
        frames: how batches are made of episodes.
        fitting: numbers of the training run.
        run: folders, log and terminal.
        device: "cpu" or "cuda".
        start: checkpoint of a V whose weights training begins with; None: random ones.
    """
    store = EpisodeStore.open(run.of("collect") / "episodes")
    data = FrameData(store, frames, run.seed, config.moving_threshold)
    warn_if_shared(data.train_episodes, data.holdout_episodes, run.say)
    torch.manual_seed(run.seed)
    model = VAE(config)
    if start is not None:
        checkpoint.start_from(model, start)
    model.measure(data.sample(), keep_mean=start is not None)
    about = {"kind": "vae", **asdict(config)}
    pictures = VAEPictures(data, run)
    result = fit(model, data, fitting, run, about=about, device=device, picture=pictures)
    _, holdout = take_best(model, run)
    seen = moving_explained(model, data.whole_holdout())
    advise(run, seen, config, fitting)
    newest = holdout_losses(
        model, data.holdout_newest(), seed=run.seed, precision=result.precision, device=device
    )
    return {
        "frames_per_second": result.examples_per_second,
        "moving_explained": seen,
        **{f"holdout_{name}": value for name, value in holdout.items()},
        **{f"newest_{name}": newest[name] for name in NEWEST if name in newest},
    }


def advise(run: Run, seen: float, config: VAEConfig, fitting: FitConfig) -> None:
    """Say what to do where V sees too little for what is built on it."""
    if seen >= ENOUGH:
        return
    cure = (
        "use vae=moving, whose loss does not depend on how much of a picture moves"
        if config.moving_nats is None
        else f"raise train_vae.fit.steps (now {fitting.steps}), or vae.moving_nats (now "
        f"{config.moving_nats:g}), and look at the reconstructions in TensorBoard"
    )
    run.say(f"V explains {seen:.0%} of what moves in hold-out frames, too little to act on: {cure}")
