"""Run every stage in order.   python scripts/pipeline.py experiment=quickstart"""

import sys

from omegaconf import DictConfig

from worldmodel.command import run_stages
from worldmodel.conf import entry, to_plain
from worldmodel.stages import PIPELINE
from worldmodel.table import closing_table


def main(cfg: DictConfig) -> None:
    """Each stage is a process of its own, called with the overrides of this command line."""
    run_stages(PIPELINE, sys.argv[1:])
    closing_table(to_plain(cfg))


if __name__ == "__main__":
    entry("pipeline", main)()
