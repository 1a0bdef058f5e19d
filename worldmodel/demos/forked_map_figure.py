"""What a walker does, and what the networks imagine."""

import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from worldmodel.demos.forked_map import ForkedMap
from worldmodel.demos.walker import Walker
from worldmodel.report.figure import COLORS


def draw(
    forked: ForkedMap, walks: Tensor, prime: Tensor, walkers: dict[str, Walker], steps: int
) -> Figure:
    """Real walks (N, T, 2), and futures of each network after `prime` (T, 2).

    The segments of a future are coloured by the component that they were drawn from.
    """
    figure = Figure(figsize=(4.6 * (1 + len(walkers)), 3.9), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(walkers), sharex=True, sharey=True)
    _segments(first, walks, torch.full(walks.shape[:2], 7)[:, 1:])
    first.set_title(f"{len(walks)} walks", fontsize=10)
    for axes, (name, walker) in zip(others, walkers.items(), strict=True):
        generator = torch.Generator().manual_seed(0)
        positions, component = walker.futures(prime, len(walks), steps, generator)
        _segments(axes, positions, component)
        axes.plot(prime[:, 0], prime[:, 1], "o-", color="black", ms=4, lw=2, label="seen")
        axes.set_title(f"{len(walks)} futures of {steps} moves, {name}", fontsize=10)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.02))
    for axes in (first, *others):
        axes.scatter(*forked.nodes.T, s=120, facecolors="none", edgecolors="0.5", zorder=3)
        axes.set_aspect("equal")
        axes.set(xlim=_limits(forked.nodes[:, 0]), ylim=_limits(forked.nodes[:, 1]))
        axes.set_axis_off()
    return figure


def _segments(axes: Axes, positions: Tensor, component: Tensor) -> None:
    """Lines between positions (N, T+1, 2) in the colour of their component (N, T)."""
    lines = torch.stack([positions[:, :-1], positions[:, 1:]], 2).flatten(0, 1)
    colors = [COLORS[k % len(COLORS)] for k in component.flatten().tolist()]
    axes.add_collection(
        LineCollection(lines.numpy(), colors=colors, lw=0.7, alpha=0.5, rasterized=True)  # type: ignore[arg-type]
    )


def _limits(along: Tensor, margin: float = 0.6) -> tuple[float, float]:
    return along.min().item() - margin, along.max().item() + margin
