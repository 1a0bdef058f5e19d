"""Collect episodes.   python scripts/collect.py env=car_racing collect.episodes=1000"""

from omegaconf import DictConfig

from worldmodel.conf import build, stage
from worldmodel.rollout.collect import collect
from worldmodel.run import Run


@stage("collect")
def main(cfg: DictConfig, run: Run) -> None:
    """Play the env's explorer until the store holds `collect.episodes` whole episodes."""
    run.finish(collect(build(cfg.env), build(cfg.backend), build(cfg.collect), run))


if __name__ == "__main__":
    main()
