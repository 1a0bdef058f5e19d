"""Compare runs over all of their seeds.   python scripts/table.py runs=quickstart,car_racing"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.report.runs_table import runs_table


@entry("table", lists={"runs": "runs"})
def main(cfg: DictConfig, _: Call) -> None:
    """A column for every run."""
    runs_table(Path(cfg.root), [str(name) for name in cfg.runs])


if __name__ == "__main__":
    main()
