"""A mixture fitted to data without a network, by expectation maximisation."""

import torch
from torch import Tensor

from .check import full_precision
from .convert import from_covariance
from .mixture import Mixture
from .start import cluster, moments

RIDGE = 1e-6  # variance added to each dimension, in units of that of the data
ENOUGH = 1e-5  # nats a row: EM stops where a round gains less


@torch.no_grad()
def fit_em(
    y: Tensor, components: int, rounds: int = 100, generator: torch.Generator | None = None
) -> Mixture:
    """A joint mixture with full covariances of the rows of y (N, D), in float64.

    Begins at k-means and goes on by EM (Dempster, Laird & Rubin 1977) for `rounds` rounds at most.
    What a network that sees more than a constant has to beat.

    Raises:
        ValueError: for less rows than components, or data that are not finite.
    """
    if len(y) < components:
        raise ValueError(f"{len(y)} rows are too few for {components} components")
    mean, deviation = moments(y.double())
    rows = (y.double() - mean) / deviation
    found = cluster(rows.unsqueeze(0), components, generator)
    weight, mu = found.share[0], found.mean[0]
    covariance = torch.diag_embed(found.deviation[0].square().clamp(min=RIDGE))
    before = -torch.inf
    for _ in range(rounds):
        mixture = from_covariance(weight.log(), mu, covariance)
        now = mixture.log_prob(rows).mean().item()
        if now - before < ENOUGH:
            break
        before = now
        weight, mu, covariance = _maximise(rows, mixture.responsibilities(rows))
    return from_covariance(weight.log(), mu, covariance).affine(deviation, mean)


def _maximise(rows: Tensor, member: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (K,), means (K, D) and covariances (K, D, D) of rows by what they belong to."""
    with full_precision(rows):
        count = member.sum(0).clamp(min=1e-9)
        mu = member.mT @ rows / count.unsqueeze(-1)
        away = rows.unsqueeze(0) - mu.unsqueeze(1)  # (K, N, D)
        spread = (member.mT.unsqueeze(-1) * away).mT @ away / count.view(-1, 1, 1)
    identity = torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device)
    return count / count.sum(), mu, spread + RIDGE * identity
