"""Kill commands and compare what they come to.   python scripts/faults.py hours=1"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.faults.study import study


@entry("faults")
def main(cfg: DictConfig, _: Call) -> None:
    """Print a table of kills, of runs that went on, and of results that are bit by bit the same."""
    study(Path(cfg.runs) / str(cfg.name), cfg.seed, cfg.hours, cfg.kills, cfg.only)


if __name__ == "__main__":
    main()
