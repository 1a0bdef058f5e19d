import math

import pytest
import torch

from worldmodel.mdn import fit_em, from_covariance


def test_a_known_mixture_is_found_again():
    generator = torch.Generator().manual_seed(0)
    covariance = torch.tensor([[[1.0, 0.6], [0.6, 1.0]], [[0.2, 0.0], [0.0, 2.0]]])
    mu = torch.tensor([[-3.0, 0.0], [4.0, 1.0]])
    truth = from_covariance(torch.tensor([0.3, 0.7]).log(), mu, covariance)
    train, test = (truth.sample((n,), generator=generator) for n in (8000, 8000))
    found = fit_em(train, 2, generator=generator)
    excess = (truth.log_prob(test) - found.log_prob(test.double())).mean().item()
    assert 0 <= excess < 0.003
    assert sorted(found.probs.tolist()) == pytest.approx([0.3, 0.7], abs=0.02)


def test_one_component_is_the_gaussian_of_the_data():
    generator = torch.Generator().manual_seed(1)
    y = torch.randn(500, 3, generator=generator, dtype=torch.float64) * torch.tensor([1, 10, 0.1])
    found = fit_em(y, 1)
    torch.testing.assert_close(found.mean, y.mean(0))
    torch.testing.assert_close(found.covariance, torch.cov(y.T, correction=0), rtol=0.01, atol=1e-3)


def test_more_rounds_never_fit_worse():
    generator = torch.Generator().manual_seed(2)
    y = torch.rand(2000, 2, generator=generator)
    costs = []
    for rounds in (1, 5, 30):
        same = torch.Generator().manual_seed(3)
        costs.append(-fit_em(y, 6, rounds, same).log_prob(y.double()).mean().item())
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] > -math.inf


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit_em(torch.zeros(3, 2), 4)
