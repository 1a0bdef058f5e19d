"""The table of all benchmarks."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from worldmodel.bench.row import Row
from worldmodel.run.progress import wide_console


def benchmark_table(rows: Mapping[str, Row], console: Console | None = None) -> None:
    """Print the rates of both ways and their ratio; of the naive one, what it is."""
    table = Table()
    for title in ("what", "ours", "naive", "ratio", "of matrix rate"):
        table.add_column(title, justify="left" if title == "what" else "right", no_wrap=True)
    table.add_column("naive way")
    for name, row in rows.items():
        share = "" if row.matrix_share is None else f"{row.matrix_share:.0%}"
        ours, naive = f"{row.ours:,.0f} {row.unit}", f"{row.naive:,.0f}"
        table.add_row(name, ours, naive, f"{row.ours / row.naive:.2f}", share, row.way)
    (console or wide_console()).print(table)
