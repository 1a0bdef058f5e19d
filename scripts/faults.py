"""Try bad values, broken files and kills on every command.   python scripts/faults.py hours=1"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.faults.study import study


@entry("faults")
def main(cfg: DictConfig, _: Call) -> None:
    """Print what was refused, and a table of kills and of results that are the same bit by bit."""
    folder = Path(cfg.runs) / str(cfg.name)
    study(folder, cfg.seed, cfg.hours, cfg.kills, cfg.only, cfg.parts)


if __name__ == "__main__":
    main()
