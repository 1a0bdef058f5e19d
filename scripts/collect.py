"""Collect episodes of an environment.   python scripts/collect.py env=car_racing"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.run import Run
from worldmodel.stages.collect import collect


@stage("collect")
def main(cfg: DictConfig, run: Run) -> None:
    """Play the env's explorer until the store holds `collect.episodes` whole episodes."""
    run.finish(collect(build(cfg.env), build(cfg.backend), build(cfg.collect), run))


if __name__ == "__main__":
    main()
