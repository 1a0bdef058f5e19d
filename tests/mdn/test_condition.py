"""Marginals and conditionals of joint mixtures."""

import math

import pytest
import torch
from mixtures import full, mixture

from worldmodel.mdn import Mixture, condition, icdf, marginal


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


def test_a_strong_correlation_is_kept_in_float32():
    strong = Mixture(torch.zeros(1), torch.zeros(1, 2), torch.tensor([[0.0, -7.0]]), "joint",
                     torch.tensor([[10.0]]))  # fmt: skip
    value = torch.tensor([0.1, 1.0])
    same = marginal(strong, [0, 1])
    torch.testing.assert_close(same.log_prob(value), strong.log_prob(value))
    given = condition(strong, [0], torch.tensor([0.1]))
    assert given.mean.item() == pytest.approx(1.0)
    assert given.stddev.item() == pytest.approx(math.exp(-7), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_any_batch_is_conditioned(scale):
    """The density of the whole is that of some dimensions times that of the others given them."""
    m = full(4, 5, (2000,), torch.float32).affine(scale)
    value = scale * torch.linspace(-1, 1, 4)
    for dims in ([0, 1], [3], [2, 0]):
        rest = [dim for dim in range(4) if dim not in dims]
        parts = marginal(m, dims).log_prob(value[dims])
        parts = parts + condition(m, dims, value[dims]).log_prob(value[rest])
        torch.testing.assert_close(parts, m.log_prob(value), rtol=1e-4, atol=1e-3)


def test_conditions_are_mapped_over_and_compiled():
    m, value = full(3, batch=(5,)), torch.zeros(5, 1).double()
    mapped = torch.func.vmap(lambda m, value: condition(m, [1], value).mean)(m, value)
    torch.testing.assert_close(mapped, condition(m, [1], value).mean)
    compiled = torch.compile(
        lambda value: condition(m, [1], value).mean, fullgraph=True, backend="eager"
    )
    torch.testing.assert_close(compiled(value), mapped)
    number = full(1, batch=(5,))
    levels = torch.full((5, 1), 0.3).double()
    torch.testing.assert_close(torch.func.vmap(icdf)(number, levels), icdf(number, levels))
    torch.testing.assert_close(icdf(number, 0.3), icdf(number, levels))


def test_autocast_leaves_moments_alone():
    m = full(5, 3, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        covariance, given = m.covariance, condition(m, [0], torch.zeros(1)).mean
    assert torch.equal(covariance, m.covariance)
    assert torch.equal(given, condition(m, [0], torch.zeros(1)).mean)
