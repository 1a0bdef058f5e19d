"""Time the fast ways against the naive ones.   python scripts/benchmark.py"""

from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from worldmodel.bench.all import BENCHMARKS
from worldmodel.bench.row import Setting
from worldmodel.checkpoint import save_json
from worldmodel.conf import build, entry
from worldmodel.machine import commit, hardware
from worldmodel.rollout.device import pick_device
from worldmodel.types import UserError


def main(cfg: DictConfig) -> None:
    """Print a table of rates and ratios, each measured in this one run, and write it as JSON."""
    names = list(cfg.benchmark.only or BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        raise UserError(f"benchmark.only names {unknown}: choose from {', '.join(BENCHMARKS)}.")
    models = build(cfg.env), build(cfg.vae), build(cfg.mdnrnn), build(cfg.controller)
    setting = Setting(*models, build(cfg.benchmark.sizes), pick_device(cfg.device))
    table = Table("what", "ours", "naive", "ratio", "of matrix rate", "naive way")
    rows = {}
    for name in names:
        row = BENCHMARKS[name](setting)
        ratio = f"{row.ours / row.naive:.2f}"
        share = "" if row.matrix_share is None else f"{row.matrix_share:.0%}"
        ours, naive = f"{row.ours:,.0f} {row.unit}", f"{row.naive:,.0f}"
        table.add_row(name, ours, naive, ratio, share, row.way)
        rows[name] = asdict(row) | {"ratio": row.ours / row.naive}
    Console().print(table)
    path = Path(cfg.benchmark.path)
    where = {"hardware": hardware(), "device": setting.device, "commit": commit()}
    save_json(path, where | {"sizes": asdict(setting.sizes), "rows": rows})
    print(f"written to {path}")


if __name__ == "__main__":
    entry("benchmark", main)()
