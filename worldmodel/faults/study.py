"""A campaign of some hours: values, files and kills, and what came of them."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from worldmodel.faults.campaign import Campaign, Outcome, load, save
from worldmodel.faults.cases import CASES
from worldmodel.faults.files import break_file, broken_files, prepare
from worldmodel.faults.refusals import refusals
from worldmodel.faults.values import bad_overrides, refuse
from worldmodel.run.progress import progress_bar
from worldmodel.types import UserError

PARTS = ("values", "files", "kills")


def study(
    folder: Path,
    seed: int,
    hours: float,
    kills: int | None,
    only: Sequence[str] | None,
    parts: Sequence[str],
) -> None:
    """Try bad values and broken files, then kills; print what came of them.

    Args:
        folder: of the campaign.
        seed: of the moments of kills.
        hours: kills begin for so long.
        kills: so many at most; None: any number.
        only: names of cases that are killed; None: all whose packages are installed.
        parts: some of PARTS.

    Raises:
        UserError: for an unknown part or case, or a command that fails without any fault.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise UserError(f"parts names {unknown}: choose from {', '.join(PARTS)}.")
    if "values" in parts:
        refusals("bad values", bad_overrides(), refuse)
    if "files" in parts:
        base = folder.absolute() / "base"
        prepare(base)
        refusals("broken files", broken_files(), partial(break_file, base))
    if "kills" in parts:
        Console().print(table(kill(folder, seed, hours, kills, only)))


def kill(
    folder: Path, seed: int, hours: float, kills: int | None, only: Sequence[str] | None
) -> list[Outcome]:
    """Kill case after case until the time or the number is used up; keep what came of it.

    A campaign that was stopped goes on after the last kill that it kept.

    Args:
        folder, seed, hours, kills, only: as for `study`.

    Raises:
        UserError: for an unknown case, or a command that fails without any kill.
    """
    names = list(only or (name for name, case in CASES.items() if case.possible))
    if unknown := sorted(set(names) - CASES.keys()):
        raise UserError(f"only names {unknown}: choose from {', '.join(CASES)}.")
    campaign, outcomes = Campaign(folder, seed), load(folder)
    until = time.monotonic() + 3600 * hours
    total = kills if kills is not None else round(hours * 3600)
    unit = "kills" if kills is not None else "seconds"
    since = time.monotonic()
    start = len(outcomes) if kills is not None else 0
    with progress_bar("faults", total, unit, start, Console(), print) as bar:
        while time.monotonic() < until and (kills is None or len(outcomes) < kills):
            number = len(outcomes)
            outcomes.append(campaign.kill(names[number % len(names)], number))
            save(folder, outcomes[-1])
            done = number + 1 if kills is not None else time.monotonic() - since
            bar.update(round(done), _short(outcomes))
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
