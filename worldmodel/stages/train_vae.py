"""The train_vae stage: V on the collected frames."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.frames import FrameData, FramesConfig
from worldmodel.data.split import warn_if_shared
from worldmodel.models.sight import moving_explained
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run import checkpoint
from worldmodel.run.run import Run
from worldmodel.train.fit import STATE, FitConfig, fit, take_best
from worldmodel.train.holdout import holdout_losses
from worldmodel.train.vae_pictures import VAEPictures
from worldmodel.types import UserError

# What the stage reports of the newest hold-out episodes alone.
NEWEST = ("recon", "kl")
# Below this share of the moving pixels' variance the smaller things in a picture are not seen.
ENOUGH = 0.5


@dataclass(frozen=True)
class MoreConfig:
    """A V that explains less than `below` of what moves is trained for `steps` more.

    `moving_share` of the nats are then for the pixels that move (see `VAEConfig`): what V has seen
    by then are the large things, and what is small and moves is what a controller acts on.
    """

    below: float
    steps: int
    moving_share: float

    def __post_init__(self) -> None:
        if not 0 <= self.below <= 1:
            raise ValueError(f"train_vae.more.below is {self.below}: use 0 to 1")
        if self.steps < 1:
            raise ValueError(f"train_vae.more.steps is {self.steps}: it must be at least 1")
        if not 0 <= self.moving_share <= 1:
            raise ValueError(f"train_vae.more.moving_share is {self.moving_share}: use 0 to 1")


def train_vae(
    config: VAEConfig,
    frames: FramesConfig,
    fitting: FitConfig,
    run: Run,
    *,
    more: MoreConfig | None = None,
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
        more: for a V that sees too little; None: it stays as it is.
        device: "cpu" or "cuda".
        start: checkpoint of a V whose weights training begins with; None: random ones.

    Raises:
        UserError: if `more` is to weigh what moves in a loss that doesn't.
    """
    if more is not None and config.moving_nats is None:
        raise UserError(
            "train_vae.more weighs what moves, which the loss of this V does not: use vae=moving, "
            "or train_vae.more=null."
        )
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
    if more is not None and seen < more.below:
        run.say(f"V explains {seen:.0%} of what moves: {more.steps} steps more, for that above all")
        _train_on(model, data, replace(fitting, steps=more.steps), more, run, device)
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


def _train_on(
    model: VAE, data: FrameData, fitting: FitConfig, more: MoreConfig, run: Run, device: str
) -> None:
    """Train in a folder of its own, so that either part goes on where it was; keep the result."""
    model.config = replace(model.config, moving_share=more.moving_share)
    part = run.subrun("more")
    about = {"kind": "vae", **asdict(model.config)}
    fit(model, data, fitting, part, about=about, device=device, picture=VAEPictures(data, part))
    run.save("best", checkpoint.load(part.checkpoint("best"), STATE))


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
