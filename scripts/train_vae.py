"""Train V, the VAE that encodes frames.   python scripts/train_vae.py vae.z_dim=32"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.hardware import pick_device
from worldmodel.run.run import Run
from worldmodel.stages.train_vae import train_vae


@stage("train_vae")
def main(cfg: DictConfig, run: Run) -> None:
    """Fit the VAE to the collected frames."""
    figures = train_vae(
        build(cfg.vae),
        build(cfg.train_vae.frames),
        build(cfg.train_vae.fit),
        run,
        more=build(cfg.train_vae.more) if cfg.train_vae.more is not None else None,
        device=pick_device(cfg.device),
        start=run.other(cfg.start, "train_vae") if cfg.start is not None else None,
    )
    run.finish(figures)


if __name__ == "__main__":
    main()
