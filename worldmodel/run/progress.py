"""A progress bar with ETA, or lines without a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from worldmodel.run.interrupt import raise_pending

SECONDS_BETWEEN_LINES = 30


@contextmanager
def progress_bar(
    label: str, total: int, unit: str, start: int, console: Console, say: Callable[[str], None]
) -> Iterator["Bar"]:
    """A bar on a terminal; elsewhere `say` is called every half minute instead."""
    bar = Progress(
        TextColumn(f"[bold]{label}[/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit} · {{task.fields[note]}}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(label, total=total, completed=start, note="")
        yield Bar(bar, task, total, start, unit, None if console.is_terminal else say)


class Bar:
    """One progress bar."""

    def __init__(
        self,
        bar: Progress,
        task: TaskID,
        total: int,
        start: int,
        unit: str,
        say: Callable[[str], None] | None,
    ) -> None:
        self._bar, self._task, self._say = bar, task, say
        self._total, self._at, self._unit = total, start, unit
        self._start, self._since, self._last_line = start, time.time(), time.time()

    def update(self, at: int, note: str = "") -> None:
        """Move the bar to `at` and show a short note behind it.

        Raises:
            KeyboardInterrupt: if one was lost on its way.
        """
        raise_pending()
        self._at = at
        self._bar.update(self._task, completed=at, note=note)
        now = time.time()
        early = now - self._last_line < SECONDS_BETWEEN_LINES and at < self._total
        if self._say is None or early:
            return
        self._last_line = now
        rate = (at - self._start) / max(now - self._since, 1e-9)
        left = (self._total - at) / rate / 60 if rate else float("inf")
        parts = [f"{at}/{self._total} {self._unit}", note, f"ETA {left:.1f} min"]
        self._say(" · ".join(part for part in parts if part))

    def advance(self, by: int = 1, note: str = "") -> None:
        """Move the bar on."""
        self.update(self._at + by, note)


def wide_console() -> Console:
    """A terminal as wide as it is; a file or a pipe wide enough that no command is broken."""
    console = Console()
    return console if console.is_terminal else Console(width=140)
