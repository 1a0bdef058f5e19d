"""Train M, which predicts the next latents.   python scripts/train_mdnrnn.py mdnrnn.components=5"""

from omegaconf import DictConfig

from worldmodel.agent.load import load_vae
from worldmodel.config import build, stage
from worldmodel.run.hardware import pick_device
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.run import Run
from worldmodel.stages.train_mdnrnn import train_mdnrnn


@stage("train_mdnrnn")
def main(cfg: DictConfig, run: Run) -> None:
    """Fit the MDN-RNN to the latents and measure it against three baselines."""
    figures = train_mdnrnn(
        build(cfg.mdnrnn),
        build(cfg.train_mdnrnn.windows),
        build(cfg.train_mdnrnn.fit),
        build(cfg.train_mdnrnn.dreams),
        load_vae(checkpoint_path(run.of("train_vae"))),
        run,
        baseline=cfg.train_mdnrnn.baseline,
        device=pick_device(cfg.device),
        start=run.other(cfg.start, "train_mdnrnn") if cfg.start is not None else None,
    )
    run.finish(figures)


if __name__ == "__main__":
    main()
