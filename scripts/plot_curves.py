"""Draw the learning curves of a run.   python scripts/plot_curves.py name=car_racing"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.report.curves import plot


@entry("plot_curves")
def main(cfg: DictConfig, _: Call) -> None:
    """Draw the score of all rounds over env steps and minutes, and tell the latest figures."""
    to = None if cfg.curves.to is None else Path(cfg.curves.to)
    print(plot(Path(cfg.runs), str(cfg.name), cfg.seed, to))


if __name__ == "__main__":
    main()
