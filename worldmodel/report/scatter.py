"""Returns in the dream against returns in reality, as a picture for TensorBoard."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from worldmodel.report.figure import COLORS
from worldmodel.types import FloatArray, Frames

SIZE, DPI = 6.4, 100  # inches, pixels per inch


def dream_and_reality(pairs: FloatArray, each: str, line: str) -> Frames:
    """Picture (640, 640, 3) of mean returns (P, 2): the dream's to the right, the real one upwards.

    Args:
        pairs: finite numbers.
        each: what a point stands for, in the plural; the title says how many there are.
        line: "fit", by least squares, or "equality", on two axes with the same numbers.
    """
    figure = Figure(figsize=(SIZE, SIZE), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    across, up = pairs.T
    axes.scatter(across, up, s=36, alpha=0.7, color=COLORS[0], edgecolors="none")
    LINES[line](axes, pairs)
    axes.set_xlabel("mean return in the dream (reward per episode)", fontsize=14)
    axes.set_ylabel("mean return in reality (reward per episode)", fontsize=14)
    axes.set_title(f"n = {len(pairs)} {each}", fontsize=14)
    axes.tick_params(labelsize=12)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _fit(axes: Axes, pairs: FloatArray) -> None:
    across, up = pairs.T.astype(np.float64)
    if np.ptp(across) > 0 and np.ptp(up) > 0:
        slope, height = np.polyfit(across, up, 1)
        ends = np.array([across.min(), across.max()])
        label = f"least squares, r = {np.corrcoef(across, up)[0, 1]:.2f}"
        axes.plot(ends, slope * ends + height, "--", color="0.4", label=label)
        axes.legend(fontsize=12)


def _equality(axes: Axes, pairs: FloatArray) -> None:
    low, high = float(pairs.min()), float(pairs.max())
    margin = 0.05 * (high - low) or 1.0
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    axes.axline((low, low), slope=1, ls="--", color="0.4", label="dream = reality")
    axes.legend(fontsize=12)


LINES: dict[str, Callable[[Axes, FloatArray], None]] = {"fit": _fit, "equality": _equality}
