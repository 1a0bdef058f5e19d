"""Time the fast ways against the naive ones.   python scripts/benchmark.py"""

from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig

from worldmodel.bench.all import BENCHMARKS
from worldmodel.bench.row import Setting
from worldmodel.bench.table import benchmark_table
from worldmodel.config import Call, build, entry
from worldmodel.run.checkpoint import save_json
from worldmodel.run.hardware import commit, hardware, pick_device
from worldmodel.types import UserError


@entry("benchmark")
def main(cfg: DictConfig, _: Call) -> None:
    """Print a table of rates and ratios, each measured in this one run, and write it as JSON."""
    names = list(cfg.benchmark.only or BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        raise UserError(f"benchmark.only names {unknown}: choose from {', '.join(BENCHMARKS)}.")
    models = build(cfg.env), build(cfg.vae), build(cfg.mdnrnn), build(cfg.controller)
    setting = Setting(*models, build(cfg.benchmark.sizes), pick_device(cfg.device))
    rows = {name: BENCHMARKS[name](setting) for name in names}
    benchmark_table(rows)
    path = Path(cfg.benchmark.path)
    where = {"hardware": hardware(), "device": setting.device, "commit": commit()}
    table = {name: asdict(row) | {"ratio": row.ours / row.naive} for name, row in rows.items()}
    save_json(path, where | {"sizes": asdict(setting.sizes), "rows": table})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
