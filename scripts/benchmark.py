"""Time optimised parts against simple implementations.   python scripts/benchmark.py"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.bench.all import run_benchmarks
from worldmodel.bench.row import Setting
from worldmodel.config import Call, build, entry, settle
from worldmodel.run.hardware import pick_device


@entry("benchmark")
def main(cfg: DictConfig, _: Call) -> None:
    """Print a table of rates and ratios, each measured in this one run, and write it as JSON."""
    settle(cfg, build)
    models = build(cfg.env), build(cfg.vae), build(cfg.mdnrnn), build(cfg.controller)
    setting = Setting(*models, build(cfg.benchmark.sizes), pick_device(cfg.device))
    run_benchmarks(cfg.benchmark.only, setting, Path(cfg.benchmark.path))


if __name__ == "__main__":
    main()
