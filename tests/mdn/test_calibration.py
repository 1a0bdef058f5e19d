"""Whether a mixture is as sure as it should be, and how far one is from another."""

import math

import pytest
import torch
from matplotlib.figure import Figure
from mixtures import full, mixture

from worldmodel.mdn import (
    Mixture,
    coverage,
    credibility,
    crps,
    draw_calibration,
    kl_bound,
    kl_estimate,
    pit,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("m", [mixture("per_dim", (), 3), mixture("joint", (), 3), full(3, 4, ())])
def test_a_right_model_is_uniform(m):
    value = m.sample((4000,), generator=seeded())
    levels = torch.linspace(0.1, 0.9, 9).double()
    inside = coverage(levels, credibility(m, value, 4000, seeded(1)))
    torch.testing.assert_close(inside, levels, atol=0.03, rtol=0)
    u = pit(m, value)
    share = (u.unsqueeze(-1) <= levels).double().mean(0)
    torch.testing.assert_close(share, levels.expand(3, 9), atol=0.03, rtol=0)


def test_one_that_is_too_sure_covers_too_little():
    right = Mixture(torch.zeros(1), torch.zeros(1, 2), torch.zeros(1, 2), "joint")
    sure = right.affine(0.5)
    value = right.sample((20_000,), generator=seeded())
    inside = coverage(torch.tensor([0.5, 0.9]), credibility(sure, value, 2000, seeded(1)))
    # χ² of two dimensions: 1 - (1 - p)^(1/4).
    assert inside.tolist() == pytest.approx([1 - 0.5**0.25, 1 - 0.1**0.25], abs=0.015)


def test_the_plot_shows_what_is_covered():
    axes = Figure().subplots()
    draw_calibration(axes, torch.tensor([0.1, 0.2, 0.9]), "sure")
    curve = axes.lines[1]
    assert curve.get_label() == "sure"
    found = dict(zip(*(part.round(2).tolist() for part in curve.get_data()), strict=True))
    assert (found[0.05], found[0.5], found[1.0]) == (0, 0.67, 1)


def test_crps_of_a_gaussian_and_of_draws():
    unit = Mixture(torch.zeros(1), torch.zeros(1, 1), torch.zeros(1, 1), "joint")
    exact = 2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)  # at the mean
    assert crps(unit, torch.zeros(1)).item() == pytest.approx(exact, abs=1e-6)
    m, value = mixture("per_dim", (), 2), torch.tensor([0.5, -1.0]).double()
    x, other = (m.sample((400_000,), generator=seeded(s)) for s in (0, 1))
    expected = (x - value).abs().mean(0) - 0.5 * (x - other).abs().mean(0)
    torch.testing.assert_close(crps(m, value), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_kl_of_gaussians_and_its_bound(factorization):
    one = mixture(factorization, (), 3, 1)
    other = one.affine(1.5, 0.3)
    exact = torch.distributions.kl_divergence(
        *(torch.distributions.Normal(m.mu.flatten(), m.log_sigma.exp().flatten())
          for m in (one, other))
    ).sum()  # fmt: skip
    estimate = kl_estimate(one, other, 400_000, seeded())
    torch.testing.assert_close(estimate, exact, atol=0.01, rtol=0)
    torch.testing.assert_close(kl_bound(one, other), exact)
    p = mixture(factorization, (), 3)
    q = Mixture(p.logits * 0.5, p.mu + 0.2, p.log_sigma + 0.1, factorization)
    assert kl_estimate(p, q, 100_000, seeded()) < kl_bound(p, q)
    assert kl_bound(p, p).item() == pytest.approx(0, abs=1e-9)


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(ValueError, match="use at least 1"):
        kl_estimate(full(2), full(3), 5)
    with pytest.raises(ValueError, match="kl_bound"):
        kl_bound(full(2), full(2))
    with pytest.raises(ValueError, match="samples"):
        credibility(full(2), torch.zeros(7, 2), 0)


def test_the_entropy_of_one_component_is_exact():
    m = full(3, 1)
    expected = torch.distributions.MultivariateNormal(m.mu[:, 0], scale_tril=m.scale_tril[:, 0])
    torch.testing.assert_close(m.entropy(1), expected.entropy())


@pytest.mark.parametrize("make", [mixture, lambda kind, *sizes: full(2, 3, ())])
def test_the_gradients_of_an_estimated_kl_are_those_of_the_kl(make):
    """To both mixtures, against finite differences with the same draws' worth of noise."""
    p, q = make("joint", (), 2, 3), mixture("joint", (), 2, 3, seed=5)
    mu = p.mu.clone().requires_grad_()
    moved = Mixture(p.logits, mu, p.log_sigma, "joint", p.regression)
    (slope,) = torch.autograd.grad(kl_estimate(moved, q, 100_000, seeded()), mu)
    step = torch.zeros_like(p.mu)
    step[0, 0] = 0.05
    up, down = (
        kl_estimate(Mixture(p.logits, p.mu + way * step, p.log_sigma, "joint", p.regression), q,
                    400_000, seeded())
        for way in (1, -1)
    )  # fmt: skip
    assert slope[0, 0].item() == pytest.approx((up - down).item() / 0.1, abs=0.03)


def test_an_entropy_has_gradients():
    log_sigma = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    alone = Mixture(torch.zeros(1).double(), torch.zeros(1, 1).double(), log_sigma)
    (slope,) = torch.autograd.grad(alone.entropy(1), log_sigma)
    assert slope.item() == 1
    log_sigma = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    apart = Mixture(torch.zeros(2).double(), torch.tensor([[-50.0], [50.0]]).double(), log_sigma)
    (slope,) = torch.autograd.grad(apart.entropy(20_000, seeded()), log_sigma)
    torch.testing.assert_close(slope, torch.full((2, 1), 0.5).double(), atol=0.02, rtol=0)
