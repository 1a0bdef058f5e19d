"""Score a controller.   python scripts/evaluate.py experiment=quickstart evaluate.episodes=100"""

from omegaconf import DictConfig

from worldmodel.conf import build, stage
from worldmodel.rollout.score import score
from worldmodel.run import Run


@stage("evaluate")
def main(cfg: DictConfig, run: Run) -> None:
    """Play held-out episodes in the official environment and film three of them."""
    run.finish(score(build(cfg.evaluate), build(cfg.env), build(cfg.backend), run))


if __name__ == "__main__":
    main()
