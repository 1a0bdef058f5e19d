"""Tables on the terminal: what every stage took and gave, and comparisons."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from worldmodel.run.layout import read_done
from worldmodel.run.progress import wide_console
from worldmodel.run.registry import PIPELINE


def closing_table(config: dict[str, Any], console: Console | None = None) -> None:
    """Print minutes, memory, figures and files of all finished stages of a run."""
    console = console or wide_console()
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
            "\n".join(f"{name} {short(value)}" for name, value in done["figures"].items()),
            str(root / stage),
        )
        table.add_section()
    table.add_row("all", f"{total:.1f}", "", hardware, f"tensorboard --logdir {root}")
    console.print(table)


def short(value: Any) -> str:
    """A number with four digits, or as a whole one from 1000 on."""
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"


def state_table(
    title: str,
    names: Sequence[str],
    found: Mapping[str, NDArray[np.float64]],
    changes: Sequence[bool],
    console: Console | None = None,
) -> None:
    """Print how much of each number of a state is explained by each of several features."""
    console = console or wide_console()
    table = Table("state", title=title)
    for name in found:
        table.add_column(name, justify="right")
    for row, name in enumerate(names):
        shown = (f"{part[row]:.2f}" if changes[row] else "constant" for part in found.values())
        table.add_row(name, *shown)
    console.print(table)


def temperature_table(root: Path, seed: int, console: Console | None = None) -> None:
    """Print scores in the dream and in reality of every temperature that was swept so far.

    The paper's table 2. Dream scores are the deployed controller's, on the selection seeds.
    """
    console = console or wide_console()
    title = f"{root}: controllers evolved in dreams of temperature τ"
    table = Table("τ", "dream score", "real score", "episodes", "files", title=title)
    for folder in sorted(root.glob("tau*"), key=lambda path: float(path.name[3:])):
        dreamt = read_done(folder / f"seed{seed}" / "train_controller")
        real = read_done(folder / f"seed{seed}" / "evaluate")
        if dreamt is None or real is None:
            continue
        inside, outside = dreamt["figures"], real["figures"]
        table.add_row(
            folder.name[3:],
            f"{short(inside['world_score'])} ± {short(inside['world_sd'])}",
            f"{short(outside['mean'])} ± {short(outside['sd'])}",
            str(outside["episodes"]),
            str(folder),
        )
    console.print(table)


def ablation_table(
    root: Path,
    seed: int,
    names: Sequence[str],
    paper: Mapping[str, str],
    console: Console | None = None,
) -> None:
    """Print size, effort and test score of every ablation that was made so far, and the paper's."""
    title = f"{root}: what V, M and C contribute"
    columns = ("ablation", "parameters", "generations", "env steps", "score", "episodes",
               "paper (CarRacing)", "files")  # fmt: skip
    table = Table(*columns, title=title)
    for name in names:
        evolved = read_done(root / name / f"seed{seed}" / "train_controller")
        scored = read_done(root / name / f"seed{seed}" / "evaluate")
        if evolved is None or scored is None:
            continue
        search, figures = evolved["figures"], scored["figures"]
        table.add_row(
            name,
            f"{search['parameters']:,}",
            f"{search['generations']:,}",
            f"{search['env_steps']:,}",
            f"{short(figures['mean'])} ± {short(figures['sd'])}",
            str(figures["episodes"]),
            paper.get(name, ""),
            str(root / name),
        )
    (console or wide_console()).print(table)


def noise_table(
    title: str, rows: Mapping[str, Mapping[str, float]], console: Console | None = None
) -> None:
    """Print what every recipe against noise came to; rows as `worldmodel.evolve.compare` has them.

    Scores are mean ± sd over searches; generations, rollouts of the last one and minutes are means.
    """
    columns = ("recipe", "dream score", "at half the budget", "generations", "last rollouts",
               "minutes")  # fmt: skip
    table = Table(*columns, title=title)
    for name, row in rows.items():
        table.add_row(
            name,
            f"{short(row['score'])} ± {short(row['score_sd'])}",
            f"{short(row['half'])} ± {short(row['half_sd'])}",
            f"{row['generations']:.0f}",
            f"{row['rollouts']:.1f}",
            f"{row['minutes']:.1f}",
        )
    (console or wide_console()).print(table)


def spread_table(
    title: str, rows: Mapping[str, Mapping[str, float]], console: Console | None = None
) -> None:
    """Print what `worldmodel.stages.measure_noise` found: a row for each sigma."""
    table = Table("sigma", title=title)
    names = list(next(iter(rows.values())))
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for sigma, row in rows.items():
        table.add_row(sigma, *(short(row[name]) for name in names))
    (console or wide_console()).print(table)


# What the table of rounds shows of each stage: its figure, and under which title.
ROUND = {
    "collect": {"episodes": "episodes", "replayed_episodes": "replayed", "return_mean": "return"},
    "train_vae": {
        "moving_explained": "V moving",
        "holdout_recon": "V recon",
        "holdout_kl": "V KL",
        "newest_recon": "V recon, newest",
    },
    "train_mdnrnn": {
        "nats_per_dim": "M nats/dim",
        "newest_nats_per_dim": "M nats/dim, newest",
        "newest_reward_mse": "M reward mse, newest",
    },
    "train_controller": {"world_score": "dream score", "selection_score": "real score"},
    "evaluate": {"mean": "test score", "sd": "test sd"},
}


def round_figures(root: Path) -> dict[str, float]:
    """Figures by title of all finished stages of one round, its env steps and its minutes."""
    figures: dict[str, float] = {}
    steps, minutes = 0.0, 0.0
    for stage in PIPELINE:
        titles, done = ROUND.get(stage, {}), read_done(root / stage)
        if done is None:
            continue
        record = dict(done["figures"])
        if not record.get("dream_steps"):
            record.pop("world_score", None)  # evolved for real alone, it is the real score again
        figures |= {title: record[name] for name, title in titles.items() if name in record}
        steps += record.get("env_steps", 0)
        minutes += done["minutes"]
    return figures | {"env steps": steps, "minutes": minutes}


def rounds_table(rounds: Sequence[dict[str, float]], console: Console | None = None) -> None:
    """Print the figures of all rounds so far, a column each."""
    table = Table("round", *(str(index) for index in range(len(rounds))))
    titles = dict.fromkeys(title for figures in rounds for title in figures)
    for title in titles:
        values = (figures.get(title) for figures in rounds)
        table.add_row(title, *("" if value is None else short(value) for value in values))
    (console or wide_console()).print(table)
