"""The closing table: what every stage took and gave."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from worldmodel.run import read_done
from worldmodel.stages import PIPELINE


def closing_table(config: dict[str, Any], console: Console | None = None) -> None:
    """Print minutes, memory, figures and files of all finished stages of an experiment."""
    console = console or _console()
    root = Path(config["runs"]) / str(config["name"]) / f"seed{config['seed']}"
    table = Table(title=str(root))
    for title, justify in (("stage", "left"), ("minutes", "right"), ("peak GB", "right"),
                           ("figures", "left"), ("files", "left")):  # fmt: skip
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    total, hardware = 0.0, ""
    for stage in PIPELINE:
        done = read_done(root / stage)
        if done is None:
            continue
        total += done["minutes"]
        hardware = done["hardware"]
        table.add_row(
            stage,
            f"{done['minutes']:.1f}",
            f"{done['peak_memory_gb']:.2f}",
            "\n".join(f"{name} {_short(value)}" for name, value in done["figures"].items()),
            str(root / stage),
        )
        table.add_section()
    table.add_row("all", f"{total:.1f}", "", hardware, f"tensorboard --logdir {root}")
    console.print(table)


def _console() -> Console:
    """A terminal as wide as it is; a file or a pipe wide enough that no command is broken."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def _short(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"
