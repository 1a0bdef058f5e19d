"""Train a system of pen or touch.   python scripts/train_sequence.py system=kanji"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.hardware import pick_device
from worldmodel.run.run import Run


@stage("train_sequence")
def main(cfg: DictConfig, run: Run) -> None:
    """Train a sequence system and measure it on the test split."""
    run.finish(build(cfg.system).train(build(cfg.fit), run, pick_device(cfg.device)))


if __name__ == "__main__":
    main()
