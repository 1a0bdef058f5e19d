"""Runs side by side: what every stage came to, as mean ± sd over the seeds of a run."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from worldmodel.report.tables import short
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import read_done, shipped_folder
from worldmodel.run.progress import wide_console
from worldmodel.run.registry import PIPELINE
from worldmodel.stats import mean_sd
from worldmodel.types import UserError

# The rows of the table: the stage, its figure, and the title.
ROWS = (
    ("collect", "return_mean", "return of collected episodes"),
    ("train_vae", "moving_explained", "V moving"),
    ("train_vae", "holdout_recon", "V recon"),
    ("train_vae", "holdout_kl", "V KL (nats)"),
    ("train_vae", "holdout_active_units", "V active units"),
    ("train_mdnrnn", "nats_per_dim", "M nats per dim"),
    ("train_controller", "selection_score", "selection score"),
    ("evaluate", "mean", "test score"),
)
STEPS, MINUTES = "env steps", "minutes"

Records = Mapping[str, Mapping[str, Any]]


def runs_table(root: Path, names: Sequence[str], console: Console | None = None) -> None:
    """Print a column for every run: a name below `root`, or the path of a run's folder.

    A run of rounds shows the figures of its last round, and the env steps and minutes of all.

    Raises:
        UserError: if there is no such run, or none of its stages is finished.
    """
    if not names:
        raise UserError("runs is empty: name some, such as runs=quickstart,car_racing.")
    columns = {name: run_figures(find_run(root, name)) for name in names}
    table = Table("")
    for name, seeds in columns.items():
        table.add_column(f"{name}\n{len(seeds)} seed{'s' if len(seeds) > 1 else ''}")
    for title in (*(title for _, _, title in ROWS), STEPS, MINUTES):
        cells = [_cell([seed[title] for seed in seeds if title in seed], len(seeds))
                 for seeds in columns.values()]  # fmt: skip
        if any(cells):
            table.add_row(title, *cells)
    (console or wide_console()).print(table)
    if any(len(seeds) > 1 for seeds in columns.values()):
        print("mean ± standard deviation over seeds (n, where not all of them have got so far)")


def find_run(root: Path, name: str) -> Path:
    """Folder of a run: <root>/<name>, that of a shipped agent, or `name` as a path.

    Raises:
        UserError: if there is none.
    """
    places = [root / name, shipped_folder(name), shipped_folder(f"pretrained/{name}"), Path(name)]
    for place in places:
        if place is not None and _has_stages(place):
            return place
    known = sorted(path.name for path in root.glob("*") if _has_stages(path))
    hint = f": there are {', '.join(known)}" if known else ""
    raise UserError(f"There is no run '{name}' in {root}{hint}. Give a name or a run's folder.")


def _has_stages(folder: Path) -> bool:
    return any(folder.glob("seed*/*")) or any(folder.glob("round*/seed*/*"))


def run_figures(folder: Path) -> list[dict[str, float]]:
    """Figures by title of every seed of a run.

    Raises:
        UserError: if no stage of it is finished.
    """
    shipped = shipped_folder("/".join(folder.parts[-2:]))
    own = folder / "agent.json"
    agent = own if own.exists() or shipped is None else shipped / "agent.json"
    card = read_json(agent) if agent.exists() else {"stages": {}}
    found = []
    for rounds in _rounds_by_seed(folder):
        parts = [card["stages"] | _records(root) for root in rounds]
        # A card tells of all that an agent took; its files are those of some stages once more.
        spent = [card["stages"], *card.get("before", {}).values()] if card["stages"] else parts
        if any(parts):
            found.append(_figures(parts[-1], spent))
    if not found:
        raise UserError(f"{folder} has no finished stage yet.")
    return found


def _rounds_by_seed(folder: Path) -> list[list[Path]]:
    """Of every seed, the folder of its stages, or those of its rounds in order."""
    own = sorted(folder.glob("seed*"), key=_number)
    if own:
        return [[root] for root in own]
    seeds: dict[str, list[Path]] = {}
    for one in sorted(folder.glob("round*"), key=_number):
        for root in sorted(one.glob("seed*"), key=_number):
            seeds.setdefault(root.name, []).append(root)
    return list(seeds.values())


def _number(path: Path) -> int:
    digits = re.search(r"\d+$", path.name)
    return int(digits[0]) if digits else -1


def _records(root: Path) -> dict[str, Mapping[str, Any]]:
    done = {stage: read_done(root / stage) for stage in PIPELINE}
    return {stage: record for stage, record in done.items() if record is not None}


def _figures(last: Records, all_of_them: Sequence[Records]) -> dict[str, float]:
    """Figures of the last round, env steps and minutes of all rounds."""
    figures = {title: float(last[stage]["figures"][name]) for stage, name, title in ROWS
               if name in last.get(stage, {}).get("figures", {})}  # fmt: skip
    records = [record for part in all_of_them for record in part.values()]
    steps = sum(record["figures"].get("env_steps", 0) for record in records)
    return figures | {STEPS: steps, MINUTES: sum(record["minutes"] for record in records)}


def _cell(values: Sequence[float], seeds: int) -> str:
    """Mean and, of several, their standard deviation; n where it is less than all seeds."""
    if not values:
        return ""
    mean, sd = mean_sd(values)
    spread = f" ± {short(sd)}" if len(values) > 1 else ""
    return f"{short(float(mean))}{spread}{f' ({len(values)})' if len(values) < seeds else ''}"
