"""Encode all frames to latents.   python scripts/encode.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.agent.load import load_vae
from worldmodel.config import stage
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.run import Run
from worldmodel.stages.encode import encode


@stage("encode")
def main(cfg: DictConfig, run: Run) -> None:
    """Write mu and logvar of every collected frame."""
    vae = load_vae(checkpoint_path(run.of("train_vae")))
    store = run.of("collect") / "episodes"
    run.finish(encode(vae, store, run.folder / "latents", run, cfg.encode.batch_size, cfg.device))


if __name__ == "__main__":
    main()
