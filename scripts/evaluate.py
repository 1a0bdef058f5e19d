"""Score an agent on held-out episodes.   python scripts/evaluate.py agent=car_racing"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.run import Run
from worldmodel.stages.evaluate import evaluate


@stage("evaluate")
def main(cfg: DictConfig, run: Run) -> None:
    """Play held-out episodes in the official environment and film three of them."""
    figures, missing = evaluate(build(cfg.evaluate), build(cfg.env), build(cfg.backend), run)
    run.finish(figures, missing)


if __name__ == "__main__":
    main()
