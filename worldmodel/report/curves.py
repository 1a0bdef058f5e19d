"""Learning curves as a picture: the score over env steps and over minutes."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodel.report.figure import COLORS, save
from worldmodel.report.history import History, Round, Score, Spent, read_history

# What the panels show of `Spent`: its field, the unit in which it is shown, the label.
PANELS = (
    ("env_steps", 1e6, "real environment steps (millions)"),
    ("minutes", 1.0, "wall time (minutes)"),
)
REAL, DREAM, TEST = COLORS[0], COLORS[1], COLORS[3]


def plot(runs: Path, name: str, seed: int, to: Path | None = None) -> str:
    """Write curves.png and curves.svg of a run into `to`, or beside its rounds; says so.

    Raises:
        UserError: if there is no such run, or it has not scored anything yet.
    """
    folder = to or runs / name
    history = read_history(runs, name, seed)
    save(draw(history), folder, "curves")
    return f"{folder / 'curves.png'} and .svg: {history.message()}"


def try_to_plot(runs: Path, name: str, seed: int) -> str:
    """As `plot`, but a failure is returned instead of raised."""
    try:
        return plot(runs, name, seed)
    except Exception as error:  # a picture that fails must not end hours of training
        return f"no curves: {error}"


def draw(history: History) -> Figure:
    """Score over env steps and over minutes, side by side."""
    figure = Figure(figsize=(9.1, 4.4), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (field, unit, label) in zip(panels, PANELS, strict=True):
        for one in history.rounds:
            _draw_round(axes, one, field, unit)
        if history.solved_at is not None:
            solved = f"solved at {history.solved_at:g}"
            axes.axhline(history.solved_at, color="0.3", ls="--", lw=1, label=solved)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.grid(axis="y", color="0.92")
    panels[0].set_ylabel("score (return of an episode)")
    handles, labels = panels[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(), once.keys(), loc="outside lower center", ncols=min(3, len(once)),
        fontsize=9, frameon=False,
    )  # fmt: skip
    figure.suptitle(f"{history.name}, seed {history.seed}: {history.message()}", fontsize=10)
    return figure


def _draw_round(axes: Axes, one: Round, field: str, unit: float) -> None:
    def along(spent: Sequence[Spent]) -> list[float]:
        return [getattr(each, field) / unit for each in spent]

    if one.number is not None:
        (begin,) = along([one.begin])
        axes.axvline(begin, color="0.7", lw=0.8, label="start of a round", zorder=0)
        axes.annotate(
            str(one.number), (begin, 1), (0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", fontsize=8, color="0.4",
        )  # fmt: skip
    if one.dream:
        x, y = along([score.after for score in one.dream]), [score.mean for score in one.dream]
        axes.plot(x, y, ".-", color=DREAM, alpha=0.5, lw=1, ms=3, label="CMA mean, in the dream")
    if one.selection:
        _draw_selection(axes, along([score.after for score in one.selection]), one.selection)
    if one.test is not None:
        axes.errorbar(
            along([one.test.after]), [one.test.mean], [one.test.sd], fmt="D", color=TEST, ms=5,
            capsize=3, label=f"test, {one.test.episodes} episodes (± sd)", zorder=3,
        )  # fmt: skip


def _draw_selection(axes: Axes, x: list[float], scores: Sequence[Score]) -> None:
    low = [score.mean - score.standard_error for score in scores]
    high = [score.mean + score.standard_error for score in scores]
    axes.fill_between(x, low, high, color=REAL, alpha=0.2, linewidth=0)
    axes.plot(
        x, [score.mean for score in scores], "o-", color=REAL, lw=1.6, ms=3,
        label="CMA mean (± standard error)",
    )  # fmt: skip
