"""The inverse of a mixture's cdf."""

import torch
from torch import Tensor

from .check import check_value, common_batch, readable
from .implicit import implicit
from .mixture import Mixture, needs_mixture

HALVINGS = 60


def icdf(mixture: Mixture, level: Tensor | float) -> Tensor:
    """The number below which a draw falls with this chance, by halving; (..., 1).

    Gradients reach the parameters of the mixture, not the level.

    Args:
        mixture: over numbers (D = 1).
        level: in (0, 1), (..., 1), or one number. In float32 a tail of 1e-6 is known to 5 %.

    Raises:
        ValueError: for a mixture over vectors, which have no order, or a level outside (0, 1).
    """
    needs_mixture(mixture, "icdf")
    level = torch.as_tensor(level, dtype=mixture.mu.dtype, device=mixture.mu.device)
    level = level if level.ndim else level.unsqueeze(-1)
    if mixture.dim != 1:
        raise ValueError(f"icdf takes a mixture over numbers: this one has D = {mixture.dim}")
    check_value(level, 1)
    common_batch(mixture.batch_shape, level.shape[:-1])
    if readable(level) and not bool(((level > 0) & (level < 1)).all()):
        raise ValueError("icdf takes levels within (0, 1), in the precision of the mixture")
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
