"""Draws from mixtures over numbers that move with the parameters."""

import math
from typing import Any

import torch
from torch import Tensor

from .correlation import row_of

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def implicit(value: Tensor, logits: Tensor, mu: Tensor, log_sigma: Tensor) -> Tensor:
    """The draws (..., D) with gradients to the parameters (..., K, D) that they were drawn from.

    A draw x moves as its cdf F says: dx = -(dF/dθ)/p with the density p (Figurnov, Mohamed & Mnih
    2018, equation 6). `logits` may be (..., K, 1).
    """
    moved: Tensor = _Implicit.apply(value, logits, mu, log_sigma)
    return moved


def implicit_vectors(
    value: Tensor, logits: Tensor, mu: Tensor, log_sigma: Tensor, regression: Tensor | None = None
) -> Tensor:
    """The same for a joint mixture over vectors.

    Each dimension moves with its cdf given those before it: their densities weigh the components,
    and a regression on them moves the means.

    Args:
        value: draws (..., D).
        logits: (..., K, 1).
        mu, log_sigma: (..., K, D).
        regression: (..., K, D(D-1)/2), see `correlation.py`; None for independent dimensions.
    """
    moved: list[Tensor] = []
    for dim in range(value.shape[-1]):
        mean, spread = mu[..., dim : dim + 1], log_sigma[..., dim : dim + 1]
        if regression is not None and dim:
            before = torch.stack(moved, -1) - mu[..., :dim]
            mean = mean + (row_of(regression, dim) * before).sum(-1, keepdim=True)
        x = implicit(value[..., dim : dim + 1], logits, mean, spread)
        moved.append(x)
        distance = (x.unsqueeze(-2) - mean) * torch.exp(-spread)
        logits = logits - 0.5 * distance.square() - spread
    return torch.cat(moved, -1)


class _Implicit(torch.autograd.Function):
    """`backward` is made of operations that have gradients, in x too: so all orders are right."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, logits: Tensor, mu: Tensor, log_sigma: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output, *inputs[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, Tensor, Tensor]:
        (grad,) = grads
        x, logits, mu, log_sigma = ctx.saved_tensors
        distance = (x.unsqueeze(-2) - mu) * torch.exp(-log_sigma)
        log_weight = logits.log_softmax(-2)
        log_density = log_weight - 0.5 * distance.square() - log_sigma - HALF_LOG_TWO_PI
        share, log_total = log_density.softmax(-2), log_density.logsumexp(-2, keepdim=True)
        weight, below = log_weight.exp(), torch.special.ndtr(distance)
        cdf = (weight * below).sum(-2, keepdim=True)
        down = grad.unsqueeze(-2)
        to_logits = down * weight * (cdf - below) * torch.exp(-log_total)
        to_mu, to_log_sigma = down * share, down * share * distance * torch.exp(log_sigma)
        return (
            None,
            to_logits.sum_to_size(logits.shape),
            to_mu,
            to_log_sigma.sum_to_size(log_sigma.shape),
        )
