"""What a window saw of a text while it was written (Graves 2013, figure 14)."""

import numpy as np
from matplotlib.figure import Figure

from worldmodel.types import FloatArray


def window_map(window: FloatArray, text: str, strokes: list[FloatArray]) -> Figure:
    """The window (T, U) over the characters, above the strokes that were written meanwhile."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(2, 1))
    shown = window[:, : len(text)].T
    upper.imshow(shown, aspect="auto", cmap="magma", interpolation="nearest", vmin=0)
    upper.set_yticks(np.arange(len(text)), list(text.replace(" ", "␣")), fontsize=8)
    upper.set_xlabel("step of the pen")
    for stroke in strokes:
        lower.plot(*stroke.T, color="black", lw=1.2)
    lower.invert_yaxis()
    lower.set_aspect("equal")
    lower.set_axis_off()
    return figure
