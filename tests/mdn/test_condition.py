"""Marginals and conditionals of joint mixtures."""

import pytest
import torch
from mixtures import full, mixture

from worldmodel.mdn import condition, icdf, marginal


@pytest.mark.parametrize("m", [full(4), mixture("joint")])
@pytest.mark.parametrize("known", [[1], [3, 0], [2, 1, 0]])
def test_a_density_is_marginal_times_conditional(m, known):
    value = torch.linspace(-2, 2, 28).double().view(7, 4)
    rest = [dim for dim in range(4) if dim not in known]
    of_known = marginal(m, known).log_prob(value[:, known])
    given = condition(m, known, value[:, known]).log_prob(value[:, rest])
    torch.testing.assert_close(of_known + given, m.log_prob(value))


def test_a_marginal_is_what_samples_show():
    m = full(4, batch=())
    part = marginal(m, [2, 0])
    x = m.sample((100_000,), generator=torch.Generator().manual_seed(0))[:, [2, 0]]
    torch.testing.assert_close(part.mean, x.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(part.covariance, x.T.cov(), atol=0.05, rtol=0.03)


def test_impossible_questions_are_refused():
    m = full(4)
    for dims in ([], [0, 0], [4], [-1]):
        with pytest.raises(ValueError, match="dims are"):
            marginal(m, dims)
    with pytest.raises(ValueError, match="per_dim"):
        marginal(mixture("per_dim"), [0])
    with pytest.raises(ValueError, match="nothing is left"):
        condition(m, [0, 1, 2, 3], torch.zeros(7, 4))
    with pytest.raises(ValueError, match="value"):
        condition(m, [0, 1], torch.zeros(7, 3))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_the_inverse_of_the_cdf(factorization):
    m = mixture(factorization, d=1)
    m.mu.requires_grad_()
    level = torch.linspace(0.001, 0.999, 7).double()[:, None]
    x = icdf(m, level)
    torch.testing.assert_close(m.cdf(x), level[:, 0])
    (slope,) = torch.autograd.grad(x.sum(), m.mu)
    torch.testing.assert_close(slope.flatten(1).sum(1), torch.ones(7).double())  # all move alike
    assert icdf(m, torch.full((3, 1, 1), 0.5).double()).shape == (3, 7, 1)
    for bad in (mixture("joint"), m):
        with pytest.raises(ValueError, match="icdf takes"):
            icdf(bad, torch.zeros(7, 1))
