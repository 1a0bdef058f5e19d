"""Run every stage in order.   python scripts/pipeline.py experiment=quickstart"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry, to_plain
from worldmodel.report.tables import closing_table
from worldmodel.report.verdict import verdict
from worldmodel.run.launch import run_stages
from worldmodel.run.registry import PIPELINE


@entry("pipeline")
def main(cfg: DictConfig, call: Call) -> None:
    """Every stage gets the overrides of this command line."""
    run_stages(PIPELINE, call.overrides, call.options)
    closing_table(to_plain(cfg))
    print(verdict([Path(cfg.runs) / str(cfg.name) / f"seed{cfg.seed}"]) or "")


if __name__ == "__main__":
    main()
