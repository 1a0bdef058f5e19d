"""Figures in files."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from worldmodel.run.checkpoint import atomic

COLORS = tuple(matplotlib.color_sequences["tab10"])


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write <name>.png and <name>.svg; the same figure gives the same bytes."""
    # Without a salt of our own every SVG would have random ids, and a date.
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            with atomic(folder / f"{name}.{kind}") as file:
                figure.savefig(file, format=kind, dpi=110, metadata=metadata)
