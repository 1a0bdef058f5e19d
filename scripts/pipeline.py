"""Run every stage in order.   python scripts/pipeline.py experiment=quickstart"""

import sys

from omegaconf import DictConfig

from worldmodel.config import entry, to_plain
from worldmodel.report.tables import closing_table
from worldmodel.run.launch import run_stages
from worldmodel.run.registry import PIPELINE


def main(cfg: DictConfig) -> None:
    """Each stage is a process of its own, called with the overrides of this command line."""
    run_stages(PIPELINE, sys.argv[1:])
    closing_table(to_plain(cfg))


if __name__ == "__main__":
    entry("pipeline", main)()
