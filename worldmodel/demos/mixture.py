"""A mixture of two Gaussians: its density, its parts, and draws from it."""

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from worldmodel.mdn import Mixture
from worldmodel.report.figure import COLORS


@dataclass(frozen=True)
class MixtureConfig:
    """Weights, means and standard deviations, how many draws, and the numbers to reproduce."""

    weights: list[float]
    mu: list[float]
    sigma: list[float]
    samples: int
    reference: dict[str, float]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.mu) == len(self.sigma) > 0:
            raise ValueError("mixture.weights, mu and sigma must be of the same length")
        if min(self.weights) <= 0 or min(self.sigma) <= 0:
            raise ValueError("mixture.weights and sigma must be positive")

    def build(self) -> Mixture:
        """The mixture over one number, in float64."""
        weights, mu, sigma = (
            torch.tensor(each, dtype=torch.float64) for each in (self.weights, self.mu, self.sigma)
        )
        return Mixture(weights.log(), mu.unsqueeze(-1), sigma.log().unsqueeze(-1), "joint")


def exact_figures(m: Mixture) -> dict[str, float]:
    """The density at -5, 0 and 5, mean, variance, cdf at 0, and the entropy by quadrature."""
    at = torch.tensor([[-5.0], [0.0], [5.0]], dtype=torch.float64)
    low, zero, high = m.expand(3).pdf(at).tolist()
    grid = _grid(m, 40_001, reach=14)
    log_prob = m.expand(len(grid)).log_prob(grid.unsqueeze(-1))
    entropy = torch.trapezoid(-log_prob.exp() * log_prob, grid)
    return {
        "p(-5)": low,
        "p(0)": zero,
        "p(5)": high,
        "mean": m.mean.item(),
        "variance": m.variance.item(),
        "cdf(0)": m.cdf(at[1]).item(),
        "entropy": entropy.item(),
    }


def draw(m: Mixture, samples: Tensor) -> Figure:
    """The density, its components, and a histogram of draws (N, 1)."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    x = _grid(m, 801, reach=4)
    axes.hist(samples.squeeze(-1).numpy(), 80, density=True, color="0.85", label="samples")
    many = m.expand(len(x))
    density = many.pdf(x.unsqueeze(-1))
    shares = many.responsibilities(x.unsqueeze(-1))
    for k in range(shares.shape[-1]):
        color = COLORS[k % len(COLORS)]
        axes.plot(x, density * shares[:, k], "--", color=color, label=f"component {k + 1}")
    axes.plot(x, density, color="black", label="density")
    axes.set(xlabel="x", ylabel="p(x)")
    axes.legend(frameon=False)
    return figure


def _grid(m: Mixture, points: int, reach: float) -> Tensor:
    """Points over `reach` sigmas around every mean."""
    spread = reach * m.log_sigma.exp()
    low, high = (m.mu - spread).min().item(), (m.mu + spread).max().item()
    return torch.linspace(low, high, points, dtype=torch.float64)
