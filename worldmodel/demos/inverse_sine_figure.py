"""What the nets of the inverse sine learned."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from worldmodel.demos.inverse_sine import MixtureNet, RegressionNet
from worldmodel.mdn import Mixture, credibility, draw_calibration, pit
from worldmodel.report.figure import COLORS

SHOWN = 2000  # points in a scatter plot


@torch.no_grad()
def draw(regression: RegressionNet, mixture: MixtureNet, rows: dict[str, Tensor]) -> Figure:
    """Two scatter plots of predictions, a heat map of the density, the parameters over x, and how
    often y lies in a credible region.
    """
    figure = Figure(figsize=(15, 8), layout="constrained")
    (left, right, sure), (heat, parameters, spread) = figure.subplots(2, 3)
    x, y = rows["x"][:SHOWN], rows["y"][:SHOWN]
    generator = torch.Generator().manual_seed(0)
    _scatter(left, x, y, regression(x), "least squares")
    _scatter(right, x, y, mixture(x).sample(generator=generator), "samples of the mixture")
    grid_x = torch.linspace(x.min().item(), x.max().item(), 300).unsqueeze(-1)
    limit = y.abs().max().item() + 1
    _heat(heat, mixture, grid_x, torch.linspace(-limit, limit, 300).unsqueeze(-1))
    _parameters(parameters, mixture, grid_x)
    _calibration(sure, spread, mixture(rows["x"]), rows["y"])
    for axes in (left, right, heat, parameters):
        axes.set(xlabel="x", ylabel="y", xlim=(x.min().item(), x.max().item()))
        axes.set_ylim(-limit, limit)
    return figure


def _scatter(axes: Axes, x: Tensor, y: Tensor, predicted: Tensor, name: str) -> None:
    axes.scatter(x, y, s=3, color="0.8", label="data", rasterized=True)
    axes.scatter(x, predicted, s=3, color=COLORS[3], label=name, rasterized=True)
    axes.legend(frameon=False, loc="upper left", markerscale=3)


def _heat(axes: Axes, net: MixtureNet, x: Tensor, y: Tensor) -> None:
    density = torch.stack([net(x).pdf(each.expand_as(x)) for each in y])
    extent = (x[0].item(), x[-1].item(), y[0].item(), y[-1].item())
    axes.imshow(
        density.sqrt().numpy(), origin="lower", aspect="auto", extent=extent, cmap="magma",
        interpolation="bilinear",
    )  # fmt: skip
    axes.set_title("density of y given x (square root)", fontsize=10)


def _calibration(sure: Axes, spread: Axes, m: Mixture, y: Tensor) -> None:
    draw_calibration(sure, credibility(m, y, 500, torch.Generator().manual_seed(0)))
    sure.set_title(f"credible regions of highest density, n = {len(y)}", fontsize=10)
    spread.hist(pit(m, y).flatten(), bins=20, range=(0, 1), density=True, color=COLORS[0])
    spread.axhline(1, color="0.6", linestyle="--")
    spread.set(xlabel="cdf of y given x", ylabel="density", xlim=(0, 1))


def _parameters(axes: Axes, net: MixtureNet, x: Tensor) -> None:
    m = net(x)
    weight, mu, sigma = m.logits.softmax(-1), m.mu[..., 0], m.log_sigma[..., 0].exp()
    for k in range(weight.shape[-1]):
        across, color = x[:, 0], COLORS[k % len(COLORS)]
        # Drawn piece by piece, since the width of a line is the weight of its component.
        axes.scatter(across, mu[:, k], s=1 + 20 * weight[:, k], color=color, rasterized=True)
        shown = weight[:, k] > 0.02
        axes.fill_between(
            across, mu[:, k] - sigma[:, k], mu[:, k] + sigma[:, k], where=shown.numpy(),
            color=color, alpha=0.15, linewidth=0,
        )  # fmt: skip
    axes.set_title("means; size: weight, band: sigma", fontsize=10)
