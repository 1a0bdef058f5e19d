"""Many faults that a command should refuse, tried on all cores, and what it said to them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from rich.console import Console

from worldmodel.faults.call import Said
from worldmodel.run.hardware import cores
from worldmodel.run.progress import progress_bar

Given = TypeVar("Given")


class Tried(Protocol):
    """What was tried, what the command said, and whether that is as it should be."""

    @property
    def label(self) -> str:
        """What was tried."""
        ...

    @property
    def said(self) -> Said:
        """What the command said."""
        ...

    @property
    def right(self) -> bool:
        """Whether it refused, as it should."""
        ...


def refusals(what: str, given: Sequence[Given], attempt: Callable[[Given], Tried]) -> list[Tried]:
    """Try all, print how many were refused in one sentence, and what was said to the others.

    Returns:
        The others.
    """
    console, tried = Console(), list[Tried]()
    with (
        ThreadPoolExecutor(cores()) as pool,
        progress_bar("faults", len(given), what, 0, console, print) as bar,
    ):
        for one in pool.map(attempt, given):
            tried.append(one)
            bar.update(len(tried), f"{sum(each.right for each in tried)} refused")
    wrong = [one for one in tried if not one.right]
    console.print(
        f"{what}: {len(tried)} tried, {len(tried) - len(wrong)} refused in one sentence with exit "
        "status 1",
        highlight=False,
    )
    for one in wrong:
        said = " / ".join(one.said.errors[-3:])
        console.print(f"{one.label}: exit status {one.said.code}, {said}", markup=False)
    return wrong
