"""Drawings as SVG: lines on a sheet, and in the order in which they are drawn."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldmodel.run.checkpoint import atomic
from worldmodel.types import FloatArray

MARGIN = 0.12  # around a drawing, in parts of its cell
SPEED = 0.25  # seconds that drawing one cell's width takes, in an animation
Strokes = Sequence[FloatArray]


@dataclass(frozen=True)
class Cell:
    """A drawing in its place: strokes (points, 2), what colour each has, and a word below it."""

    strokes: Strokes
    colors: Sequence[str]
    label: str = ""


def order_colors(count: int) -> list[str]:
    """Colours of `count` strokes by their order, from red over green to blue and violet."""
    parts = [colorsys.hls_to_rgb(0.8 * i / max(count, 1), 0.42, 0.75) for i in range(count)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in parts]


def sheet(
    cells: Sequence[Cell],
    columns: int,
    *,
    size: int = 90,
    aspect: float = 1.0,
    animate: bool = False,
) -> str:
    """An SVG text with a drawing in each cell of a grid.

    Args:
        cells: drawings, row by row.
        columns: of the grid.
        size: height of a cell, in pixels.
        aspect: width of a cell by its height.
        animate: strokes appear one after the other, in a loop-free animation.
    """
    width, height = size * aspect, float(size)
    rows = -(-len(cells) // columns)
    body = []
    for i, cell in enumerate(cells):
        left, top = (i % columns) * width, (i // columns) * height
        body += _cell(cell, left, top, width, height, animate)
    total = f"{columns * width:.0f} {rows * height:.0f}"
    whole, high = total.split()
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total}" '
            f'width="{whole}" height="{high}">',
            '<rect width="100%" height="100%" fill="white"/>',
            '<g fill="none" stroke-linecap="round" stroke-linejoin="round" '
            f'stroke-width="{max(1.0, 0.022 * size):.2f}">',
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )


def write_svg(path: Path, text: str) -> None:
    """Write a text whole or not at all.

    Raises:
        UserError: if the file can't be written.
    """
    with atomic(path, "w") as file:
        file.write(text)


def fit_into(strokes: Strokes, width: float, height: float) -> list[FloatArray]:
    """The strokes moved, and scaled alike in both directions, into the middle of a box."""
    points = np.concatenate([np.asarray(stroke, np.float64) for stroke in strokes])
    low, high = points.min(0), points.max(0)
    room = np.array([width, height]) * (1 - 2 * MARGIN)
    extent = np.maximum(high - low, 1e-9)
    factor = float((room / extent).min())
    middle = np.array([width, height]) / 2
    return [(np.asarray(s, np.float64) - (low + high) / 2) * factor + middle for s in strokes]


def _cell(
    cell: Cell,
    left: float,
    top: float,
    width: float,
    height: float,
    animate: bool,
) -> list[str]:
    if not cell.strokes:
        return []
    lines = []
    begin = 0.0
    placed = fit_into(cell.strokes, width, height * (0.86 if cell.label else 1))
    for stroke, color in zip(placed, cell.colors, strict=True):
        points = stroke + np.array([left, top])
        if len(points) == 1:  # a dot is a line to where it is
            points = np.repeat(points, 2, 0)
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        if not animate:
            lines.append(f'<polyline points="{drawn}" stroke="{color}"/>')
            continue
        seconds = max(0.05, SPEED * length / height)
        lines.append(
            f'<polyline points="{drawn}" stroke="{color}" pathLength="1" stroke-dasharray="1 1" '
            f'stroke-dashoffset="1"><animate attributeName="stroke-dashoffset" from="1" to="0" '
            f'begin="{begin:.2f}s" dur="{seconds:.2f}s" fill="freeze"/></polyline>'
        )
        begin += seconds + 0.05
    if cell.label:
        lines.append(
            f'<text x="{left + width / 2:.1f}" y="{top + height * 0.97:.1f}" stroke="none" '
            f'fill="#555" font-family="sans-serif" font-size="{height * 0.12:.0f}" '
            f'text-anchor="middle">{_escape(cell.label)}</text>'
        )
    return lines


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
