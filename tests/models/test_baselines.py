import math

import pytest
import torch

from worldmodel.models.baselines import fit_persistence, persistence_nats, unit_gaussian_nats
from worldmodel.models.mdnrnn import sample_latents


def walk(seed, b=64, t=40, scale=(0.1, 0.5)):
    g = torch.Generator().manual_seed(seed)
    mu = (torch.randn(b, t + 1, 2, generator=g) * torch.tensor(scale)).cumsum(1)
    return {
        "mu": mu,
        "logvar": torch.full_like(mu, math.log(0.02)),
        "mask": (torch.rand(b, t, generator=g) < 0.8).float(),
    }


def gaussian_nats(value, sigma):
    return -torch.distributions.Normal(0.0, sigma).log_prob(value)


def test_a_sigma_is_fitted_to_each_dimension():
    sigma = fit_persistence([walk(seed) for seed in range(8)])
    expected = torch.tensor([0.1**2 + 0.04, 0.5**2 + 0.04]).sqrt()
    torch.testing.assert_close(sigma, expected, rtol=0.02, atol=0)


def test_no_other_sigma_does_better_on_the_data_it_was_fitted_to():
    sigma, batch = fit_persistence([walk(0)]), walk(0)
    best = persistence_nats([batch], sigma)
    assert all(persistence_nats([batch], sigma * scale) > best for scale in (0.95, 1.05))


def test_the_closed_forms_are_the_average_over_drawn_latents():
    batch, sigma = walk(3), torch.tensor([0.3, 0.6])
    mask = batch["mask"] > 0
    torch.manual_seed(0)
    unit, still = [], []
    for _ in range(100):
        z = sample_latents(batch["mu"], batch["logvar"])
        unit.append(gaussian_nats(z[:, 1:], torch.ones(2))[mask].mean())
        still.append(gaussian_nats(z.diff(dim=1), sigma)[mask].mean())
    drawn = torch.stack(unit).mean().item(), torch.stack(still).mean().item()
    closed = unit_gaussian_nats([batch]), persistence_nats([batch], sigma)
    assert closed == pytest.approx(drawn, abs=0.005)


def test_a_standard_normal_costs_its_entropy():
    mu = torch.zeros(2, 6, 3)
    batch = {"mu": mu, "logvar": torch.zeros_like(mu), "mask": torch.ones(2, 5)}
    assert unit_gaussian_nats([batch]) == pytest.approx(0.5 * math.log(2 * math.pi * math.e))


def test_padding_does_not_count():
    batch = walk(4)
    spoilt = {name: part.clone() for name, part in batch.items()}
    spoilt["mask"][:, 20:] = 0
    cut = {"mu": batch["mu"][:, :21], "logvar": batch["logvar"][:, :21],
           "mask": batch["mask"][:, :20]}  # fmt: skip
    spoilt["mu"][:, 21:] = 1e3
    sigma = torch.ones(2)
    assert persistence_nats([spoilt], sigma) == pytest.approx(persistence_nats([cut], sigma))
    assert unit_gaussian_nats([spoilt]) == pytest.approx(unit_gaussian_nats([cut]))
