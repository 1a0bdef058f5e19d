"""How far one mixture is from another."""

import torch
from torch import Tensor

from .check import common_batch
from .mixture import Mixture, needs_mixture


def kl_estimate(
    p: Mixture, q: Mixture, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Monte Carlo estimate (...) in nats of KL(p‖q) from `samples` draws of p.

    It has no closed form. Unbiased, with gradients to both; its error falls as 1/√samples, and may
    take it below 0.

    Raises:
        ValueError: for mixtures over vectors of different size, or less than one sample.
    """
    if samples < 1 or p.dim != q.dim:
        raise ValueError(
            f"{samples} draws of a mixture over {p.dim} for one over {q.dim}: use at "
            "least 1, and two of the same size"
        )
    x = p.rsample((samples,), generator=generator)
    return (p.log_prob(x) - q.log_prob(x)).mean(0)


def kl_bound(p: Mixture, q: Mixture) -> Tensor:
    """No less than KL(p‖q), (...) in nats: components are compared in pairs, as they stand.

    KL of the weights plus the mean KL of the components (Cover & Thomas 2006, theorem 2.7.2). Tight
    where q has grown out of p, useless where its components stand in another order.

    Raises:
        ValueError: for mixtures of another form, size or number of components, or correlated ones.
    """
    p, q = needs_mixture(p, "kl_bound"), needs_mixture(q, "kl_bound")
    common_batch(p.batch_shape, q.batch_shape)
    same = p.factorization == q.factorization and p.mu.shape[-2:] == q.mu.shape[-2:]
    if not same or p.regression is not None or q.regression is not None:
        raise ValueError("kl_bound compares two diagonal mixtures of the same form and size")
    ours, theirs = p.aligned(), q.aligned()
    ratio = ours.log_sigma - theirs.log_sigma
    apart = (ours.mu - theirs.mu) * torch.exp(-theirs.log_sigma)
    each = 0.5 * (torch.exp(2 * ratio) + apart.square() - 1) - ratio
    log_p, log_q = ours.logits.log_softmax(-2), theirs.logits.log_softmax(-2)
    if p.factorization == "joint":
        each = each.sum(-1, keepdim=True)
    cost = log_p - log_q + each
    # A component without weight costs nothing, whatever the other's is.
    return p.known((log_p.exp() * torch.where(log_p > -torch.inf, cost, 0)).sum((-2, -1)))
