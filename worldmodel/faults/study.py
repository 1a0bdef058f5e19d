"""A campaign of some hours, and its table."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from worldmodel.faults.campaign import Campaign, Outcome, save
from worldmodel.faults.cases import CASES
from worldmodel.run.progress import progress_bar
from worldmodel.types import UserError


def study(
    folder: Path, seed: int, hours: float, kills: int | None, only: Sequence[str] | None
) -> list[Outcome]:
    """Kill case after case until the time or the number is used up; print and keep what came of it.

    Args:
        folder: of the campaign.
        seed: of the moments.
        hours: kills begin for so long.
        kills: so many at most; None: any number.
        only: names of cases; None: all.

    Raises:
        UserError: for an unknown case, or a command that fails without any kill.
    """
    names = list(only or CASES)
    if unknown := sorted(set(names) - CASES.keys()):
        raise UserError(f"only names {unknown}: choose from {', '.join(CASES)}.")
    campaign, outcomes = Campaign(folder, seed), list[Outcome]()
    console, until = Console(), time.monotonic() + 3600 * hours
    total = kills if kills is not None else round(hours * 3600)
    unit = "kills" if kills is not None else "seconds"
    since = time.monotonic()
    with progress_bar("faults", total, unit, 0, console, print) as bar:
        while time.monotonic() < until and (kills is None or len(outcomes) < kills):
            number = len(outcomes)
            outcomes.append(campaign.kill(names[number % len(names)], number))
            save(folder, outcomes[-1])
            done = number + 1 if kills is not None else time.monotonic() - since
            bar.update(round(done), _short(outcomes))
    console.print(table(outcomes))
    return outcomes


def table(outcomes: Sequence[Outcome]) -> Table:
    """One row for each case, and one for all."""
    made = Table("", *COLUMNS, title="Kills and what came of them")
    for name in dict.fromkeys(outcome.case for outcome in outcomes):
        made.add_row(name, *_counts([one for one in outcomes if one.case == name]))
    made.add_section()
    made.add_row("all", *_counts(outcomes))
    return made


COLUMNS = ("kills", "of workers", "resumed", "bitwise equal", "lost", "processes left")


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    lost = [name for one in outcomes for name in one.different if name.endswith("DONE")]
    return [
        str(len(outcomes)),
        str(sum(one.hit == "worker" for one in outcomes)),
        str(sum(one.resumed for one in outcomes)),
        str(sum(not one.different for one in outcomes)),
        str(len(lost)),
        str(sum(one.left for one in outcomes)),
    ]


def _short(outcomes: Sequence[Outcome]) -> str:
    good = sum(one.resumed and not one.different and not one.left for one in outcomes)
    return f"{good} of {len(outcomes)} as if nothing had happened"
