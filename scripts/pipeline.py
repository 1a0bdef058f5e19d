"""Run every stage in order.   python scripts/pipeline.py experiment=quickstart"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from worldmodel.conf import entry, to_plain
from worldmodel.stages import PIPELINE
from worldmodel.table import closing_table

HERE = Path(__file__).resolve().parent


def main(cfg: DictConfig) -> None:
    """Each stage is a process of its own, called with the overrides of this command line."""
    config = to_plain(cfg)
    for stage in PIPELINE:
        command = [sys.executable, str(HERE / f"{stage}.py"), *sys.argv[1:]]
        process = subprocess.Popen(command)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)  # Ctrl-C in a terminal has reached the stage as well
            process.terminate()
            process.wait()
            raise
        if code:
            sys.exit(code)
    closing_table(config)


if __name__ == "__main__":
    entry("pipeline", main)()
