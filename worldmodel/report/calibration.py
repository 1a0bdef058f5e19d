"""Whether M is as sure as it should be, as a picture for TensorBoard."""

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from worldmodel.mdn import draw_calibration
from worldmodel.report.figure import COLORS
from worldmodel.types import FloatArray, Frames

BINS = 20


def calibration_picture(pit: FloatArray) -> Frames:
    """Picture (400, 800, 3): how PIT values (N,) are spread, and what middle regions cover.

    Of a model that is right the left is flat and the right a diagonal. Heights at both ends of the
    left are those of one that is too sure.
    """
    figure = Figure(figsize=(8, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.hist(pit, bins=BINS, range=(0, 1), density=True, color=COLORS[0])
    left.axhline(1, color="0.6", linestyle="--")
    left.set(xlabel="PIT of the next z", ylabel="density", xlim=(0, 1))
    draw_calibration(right, (2 * torch.from_numpy(pit) - 1).abs())
    right.set_title(f"n = {len(pit)} numbers", fontsize=10)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
