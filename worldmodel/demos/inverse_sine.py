"""The inverse sine: one x has several y, which a regression averages and a mixture tells apart.

Bishop 1994, section 5: data come from y to x and are learned from x to y.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldmodel.mdn import EluSigma, Mixture, MixtureHead, nll
from worldmodel.types import Logs


@dataclass(frozen=True)
class InverseSineConfig:
    """The problem x = amplitude·sin(frequency·y) + slope·y + noise with y uniform, and the nets.

    `rows` are trained on and `holdout_fraction` of them held out, `test_rows` are drawn afresh;
    the nets have two layers of `hidden` units. `peers` are names of other libraries, see
    `inverse_sine_peers`: where there are any, they are trained in place of the nets of the lecture.
    """

    amplitude: float
    frequency: float
    slope: float
    noise: float
    y_limit: float
    rows: int
    batch_size: int
    holdout_fraction: float
    test_rows: int
    hidden: int
    components: int
    seeds: int
    peers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("rows", "batch_size", "test_rows", "hidden", "components", "seeds"):
            if getattr(self, key) < 1:
                raise ValueError(f"inverse_sine.{key} is {getattr(self, key)}: use at least 1")
        object.__setattr__(self, "peers", tuple(self.peers))
        for key in ("noise", "y_limit"):
            if not getattr(self, key) > 0:
                raise ValueError(f"inverse_sine.{key} is {getattr(self, key)}: it must be positive")

    def center(self, y: Tensor) -> Tensor:
        """The x that y gives without noise."""
        return self.amplitude * torch.sin(self.frequency * y) + self.slope * y

    def rows_of(self, count: int, seed: int) -> dict[str, Tensor]:
        """Rows x and y, each (count, 1)."""
        generator = torch.Generator().manual_seed(seed)
        y = self.y_limit * (2 * torch.rand(count, 1, generator=generator) - 1)
        noise = self.noise * torch.randn(count, 1, generator=generator)
        return {"x": self.center(y) + noise, "y": y}


class RegressionNet(nn.Module):
    """Least squares: two tanh layers, 286 parameters with 15 units."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x (N, 1) to the expected y (N, 1)."""
        return self.net(x)

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Logs]:
        """Mean squared error."""
        return nn.functional.mse_loss(self(batch["x"]), batch["y"]), {}


class MixtureNet(nn.Module):
    """Two relu layers and a mixture of Gaussians: 510 parameters with 15 units and K = 5."""

    def __init__(self, hidden: int, components: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            MixtureHead(hidden, 1, components, sigma=EluSigma()),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Mixture:
        """x (N, 1) to a mixture over y (N, 1)."""
        return self.net(x)

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats of y given x."""
        return nll(self(batch["x"]), batch["y"]), {}


def floors(config: InverseSineConfig, points: int = 4001) -> dict[str, float]:
    """What no net can beat, by quadrature over x and y in float64.

    Returns:
        `nats`, the entropy of y given x; `rmse`, of the best regression; `single_gaussian_nats`
        and `constant_gaussian_nats`, of the best Gaussian with and without a sigma that depends
        on x; `marginal_nats`, of ignoring x.
    """
    y = torch.linspace(-config.y_limit, config.y_limit, points, dtype=torch.float64)
    centers = config.center(y)
    reach = 8 * config.noise
    x = torch.linspace(
        centers.min().item() - reach, centers.max().item() + reach, points, dtype=torch.float64
    )
    density_x, variance = torch.empty_like(x), torch.empty_like(x)
    for rows in torch.arange(points).split(500):  # a few MB at a time
        distance = (x[rows, None] - centers) / config.noise
        likelihood = torch.exp(-0.5 * distance.square()) / (config.noise * math.sqrt(2 * math.pi))
        weight = likelihood / (2 * config.y_limit)
        density_x[rows] = torch.trapezoid(weight, y)
        mean = torch.trapezoid(weight * y, y) / density_x[rows]
        away = (y - mean[:, None]).square()
        variance[rows] = torch.trapezoid(weight * away, y) / density_x[rows]
    marginal = math.log(2 * config.y_limit)
    noise_entropy = 0.5 * math.log(2 * math.pi * math.e) + math.log(config.noise)
    entropy_x = torch.trapezoid(-torch.special.entr(density_x).neg(), x).item()
    mse = torch.trapezoid(density_x * variance, x).item()
    log_variance = torch.trapezoid(density_x * variance.log(), x).item()
    gaussian = 0.5 * math.log(2 * math.pi * math.e)
    return {
        "nats": marginal + noise_entropy - entropy_x,
        "rmse": math.sqrt(mse),
        "single_gaussian_nats": gaussian + 0.5 * log_variance,
        "constant_gaussian_nats": gaussian + 0.5 * math.log(mse),
        "marginal_nats": marginal,
    }


@torch.no_grad()
def rmse(net: RegressionNet, rows: dict[str, Tensor]) -> float:
    """Root mean squared error on rows."""
    return math.sqrt(net.loss(rows)[0].item())


@torch.no_grad()
def nats(net: MixtureNet, rows: dict[str, Tensor]) -> float:
    """Mean nats of y given x on rows."""
    return net.loss(rows)[0].item()
