"""The inverse of a mixture's cdf."""

import torch
from torch import Tensor

from .implicit import implicit
from .mixture import Mixture

HALVINGS = 60


def icdf(mixture: Mixture, level: Tensor) -> Tensor:
    """The number below which a draw falls with this chance, by halving; (..., 1).

    Gradients reach the parameters of the mixture, not the level.

    Args:
        mixture: over numbers (D = 1).
        level: in (0, 1), (..., 1).

    Raises:
        ValueError: for a mixture over vectors, which have no order, or a level outside (0, 1).
    """
    if mixture.dim != 1 or not bool(((level > 0) & (level < 1)).all()):
        raise ValueError(
            f"icdf takes a mixture over numbers and levels within (0, 1): this one has "
            f"{mixture.dim} dimensions, levels are {level.min():.3g} to {level.max():.3g}"
        )
    logits, mu, log_sigma = mixture.aligned()
    with torch.no_grad():
        # It lies between the quantiles of the components.
        each = mu + log_sigma.exp() * torch.special.ndtri(level.to(mu.dtype)).unsqueeze(-2)
        low, high = each.amin(-2), each.amax(-2)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = mixture.cdf(middle).unsqueeze(-1) < level
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    batch = torch.broadcast_shapes(low.shape[:-1], mu.shape[:-2])
    parts = (part.expand(*batch, *part.shape[-2:]) for part in (logits, mu, log_sigma))
    return implicit(((low + high) / 2).expand(*batch, 1), *parts)
