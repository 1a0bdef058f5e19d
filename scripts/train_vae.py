"""Train V.   python scripts/train_vae.py experiment=quickstart vae.z_dim=32"""

from dataclasses import asdict, replace

import torch
from omegaconf import DictConfig

from worldmodel.bench.plain_vae import training_speed
from worldmodel.config import build, stage
from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.frames import FrameData
from worldmodel.data.split import tell_if_shared
from worldmodel.models.vae import VAE
from worldmodel.run import checkpoint
from worldmodel.run.hardware import pick_device
from worldmodel.run.run import Run
from worldmodel.train.draw import VAEPictures
from worldmodel.train.fit import fit, take_best
from worldmodel.train.holdout import holdout_losses
from worldmodel.train.precision import choose_precision


@stage("train_vae")
def main(cfg: DictConfig, run: Run) -> None:
    """Fit the VAE to the collected frames."""
    device = pick_device(cfg.device)
    store = EpisodeStore.open(run.of("collect") / "episodes")
    data = FrameData(store, build(cfg.train_vae.frames), run.seed)
    tell_if_shared(data.train_episodes, data.holdout_episodes, run.say)
    config = build(cfg.vae)
    torch.manual_seed(run.seed)
    model, fitting = VAE(config), build(cfg.train_vae.fit)
    if cfg.start is not None:
        checkpoint.start_from(model, run.other(cfg.start, "train_vae"))
    precision = choose_precision(model, data, fitting.precision, device, run)
    # Timed before training: after it, in the same process, the ratio was 1.77 instead of 1.82.
    fast, plain = training_speed(config, precision, cfg.train_vae.frames.batch_size, device)
    fitting, about = replace(fitting, precision=precision), {"kind": "vae", **asdict(config)}
    result = fit(
        model, data, fitting, run, about=about, device=device, picture=VAEPictures(data, run)
    )
    _, holdout = take_best(model, run)
    newest = holdout_losses(
        model, data.holdout_newest(), seed=run.seed, precision=result.precision, device=device
    )
    run.finish(
        {
            "frames_per_second": result.examples_per_second,
            "speedup_over_plain_fp32": fast / plain,
            **{f"holdout_{name}": value for name, value in holdout.items()},
            **{f"newest_{name}": newest[name] for name in ("recon", "kl") if name in newest},
        }
    )


if __name__ == "__main__":
    main()
