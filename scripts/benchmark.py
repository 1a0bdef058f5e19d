"""Time the fast ways against the naive ones.   python scripts/benchmark.py"""

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from worldmodel.bench import BENCHMARKS
from worldmodel.conf import build, entry


def main(cfg: DictConfig) -> None:
    """Print a table of rates and ratios, each measured in this one run."""
    table = Table("what", "ours", "naive", "ratio", "naive way")
    for name in cfg.benchmark.only or BENCHMARKS:
        row = BENCHMARKS[name](build(cfg.env), build(cfg.vae))
        ratio = f"{row.ours / row.naive:.2f}"
        table.add_row(name, f"{row.ours:,.0f} {row.unit}", f"{row.naive:,.0f}", ratio, row.way)
    Console().print(table)


if __name__ == "__main__":
    entry("benchmark", main)()
