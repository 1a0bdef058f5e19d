import math

import pytest
import torch
from mixtures import full, isotropic
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from worldmodel.mdn import Grouped, Mixture
from worldmodel.mdn.correlation import color, pairs, rescale, scale_tril, whiten

TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-10}


def reference(m):
    parts = MultivariateNormal(m.mu, scale_tril=m.scale_tril)
    return MixtureSameFamily(Categorical(logits=m.logits), parts)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("d", [1, 2, 4, 16])
def test_full_mixtures_are_torchs(d, dtype):
    m = full(d, dtype=dtype)
    value = torch.linspace(-2, 2, 7 * d, dtype=dtype).view(7, d)
    # Beside a D=16 log density of some hundreds, the tolerance has to be relative.
    close = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(m.log_prob(value), reference(m).log_prob(value), **close)
    torch.testing.assert_close(m.mean, reference(m).mean, **close)
    torch.testing.assert_close(m.variance, reference(m).variance, **close)


def test_a_bivariate_component_has_graves_density():
    rho, s1, s2 = 0.8, 2.0, 0.5
    m = Mixture(
        torch.zeros(1).double(),
        torch.tensor([[1.0, -1.0]]).double(),
        torch.tensor([[s1, s2 * math.sqrt(1 - rho**2)]], dtype=torch.float64).log(),
        "joint",
        torch.tensor([[rho * s2 / s1]], dtype=torch.float64),
    )
    x, y = 0.7, 0.4
    a, b = (x - 1) / s1, (y + 1) / s2
    z = a * a + b * b - 2 * rho * a * b  # Graves 2013, equations 24 and 25
    density = math.exp(-z / (2 * (1 - rho**2))) / (2 * math.pi * s1 * s2 * math.sqrt(1 - rho**2))
    assert m.pdf(torch.tensor([x, y], dtype=torch.float64)).item() == pytest.approx(
        density, rel=1e-12
    )
    covariance = m.scale_tril[0] @ m.scale_tril[0].T
    assert covariance[0, 1].item() == pytest.approx(rho * s1 * s2, rel=1e-12)


def test_isotropic_is_diagonal_with_one_sigma():
    m = isotropic()
    diagonal = Mixture(m.logits, m.mu, m.log_sigma.expand(7, 3, 4), "joint")
    value = torch.linspace(-2, 2, 28).double().view(7, 4)
    torch.testing.assert_close(m.log_prob(value), diagonal.log_prob(value))
    torch.testing.assert_close(m.log_prob(value), reference(m).log_prob(value))
    torch.testing.assert_close(m.variance, diagonal.variance)
    seeds = [torch.Generator().manual_seed(0) for _ in range(2)]
    torch.testing.assert_close(
        m.sample(temperature=1.0, generator=seeds[0]),
        diagonal.sample(temperature=1.0, generator=seeds[1]),
    )
    by = torch.tensor([1.0, 2.0, -3.0, 4.0]).double()
    torch.testing.assert_close(
        m.affine(by).log_prob(by * value), m.log_prob(value) - math.log(24), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("d", [1, 2, 5])
def test_whitening_undoes_coloring_and_knows_its_volume(d):
    g = torch.Generator().manual_seed(0)
    regression = torch.randn(6, pairs(d), generator=g, dtype=torch.float64)
    noise = torch.randn(6, d, generator=g, dtype=torch.float64)
    torch.testing.assert_close(whiten(color(noise, regression), regression), noise)
    factor = color(torch.eye(d).double().expand(6, d, d), regression[:, None]).mT
    torch.testing.assert_close(factor.diagonal(dim1=-2, dim2=-1), torch.ones(6, d).double())
    torch.testing.assert_close(scale_tril(torch.zeros(6, d).double(), regression), factor)
    by = torch.tensor([1.0, -2, -0.1, 3, -1]).double()[:d]
    axes = torch.diag(by.abs()).expand(6, d, d)  # sigmas stay positive
    moved = color(axes, rescale(regression, by)[:, None]).mT
    torch.testing.assert_close(moved @ moved.mT, by[:, None] * (factor @ factor.mT) * by)


def test_gradients_are_right():
    m = full(d=3, k=2, batch=(2,))
    inputs = [p.clone().requires_grad_() for p in (m.logits, m.mu, m.log_sigma, m.regression)]
    value = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def density(logits, mu, log_sigma, regression, value):
        return Mixture(logits, mu, log_sigma, "joint", regression).log_prob(value)

    assert torch.autograd.gradcheck(density, (*inputs, value.requires_grad_()))


def test_a_strong_correlation_keeps_its_digits_in_float32():
    for left in (1e-2, 1e-4, 1e-6):  # of sigma: 1 - rho² is 1e-12 at the last, 0 in float32
        results = []
        for dtype in (torch.float32, torch.float64):
            m = Mixture(
                torch.zeros(1, dtype=dtype), torch.zeros(1, 2, dtype=dtype),
                torch.tensor([[0, left]], dtype=dtype).log().clamp(min=math.log(left)),
                "joint", torch.ones(1, 1, dtype=dtype),
            )  # fmt: skip
            results.append(m.log_prob(torch.tensor([1.0, 1.0], dtype=dtype)).item())
        assert results[0] == pytest.approx(results[1], rel=1e-6)
        density = MultivariateNormal(m.mu[0], scale_tril=m.scale_tril[0])
        assert results[1] == pytest.approx(density.log_prob(torch.ones(2).double()).item())


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_autocast_leaves_the_density_alone(device):
    m = full(5, dtype=torch.float32).to(device)
    value = torch.linspace(-2, 2, 35, device=device).view(7, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = m.log_prob(value)
    assert found.dtype == torch.float32
    if device == "cpu":
        assert torch.equal(found, m.log_prob(value))


@pytest.mark.parametrize("k", [1, 3])
def test_draws_of_correlated_components_have_gradients(k):
    """Of E[x_1 x_2], against those of its closed form."""
    m = full(2, k, batch=())
    inputs = [p.clone().requires_grad_() for p in (m.logits, m.mu, m.log_sigma, m.regression)]
    logits, mu, log_sigma, regression = inputs
    many = Mixture(logits, mu, log_sigma, "joint", regression)
    x = many.expand(200_000).rsample(generator=torch.Generator().manual_seed(0))
    moving = inputs if k > 1 else inputs[1:]  # weights of one component do nothing
    found = torch.autograd.grad(x.prod(-1).mean(), moving)
    product = many.covariance[0, 1] + many.mean.prod()
    for one, other in zip(found, torch.autograd.grad(product, moving), strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=0.02)


def test_samples_have_the_covariance_of_the_mixture():
    m = full(d=3, k=2, batch=())
    x = m.expand(200_000).sample(generator=torch.Generator().manual_seed(0))
    parts = m.scale_tril @ m.scale_tril.mT
    weight = m.logits.softmax(-1)
    away = m.mu - m.mean
    expected = (weight[:, None, None] * (parts + away[:, :, None] * away[:, None])).sum(0)
    torch.testing.assert_close(x.mean(0), m.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(x.T.cov(), expected, atol=0.03, rtol=0.03)


def test_scaling_mirrors_the_correlation():
    m, value = full(), torch.linspace(-2, 2, 28).double().view(7, 4)
    for by in (-3.0, torch.tensor([0.5, 2.0, -3.0, 10.0]).double()):
        shift = (torch.as_tensor(by).abs().log() * torch.ones(4)).sum()
        torch.testing.assert_close(m.affine(by).log_prob(by * value), m.log_prob(value) - shift)


def test_components_that_do_not_fit_are_refused():
    logits, mu, log_sigma = torch.zeros(3), torch.zeros(3, 4), torch.zeros(3, 4)
    with pytest.raises(ValueError, match="regression"):
        Mixture(logits, mu, log_sigma, "joint", torch.zeros(3, 5))
    with pytest.raises(ValueError, match="can't have"):
        Mixture(torch.zeros(4, 3), mu.mT, log_sigma.mT, "per_dim", torch.zeros(3, 6))
    with pytest.raises(ValueError, match="per_dim"):
        _ = Mixture(torch.zeros(4, 3), mu.mT, log_sigma.mT, "per_dim").scale_tril


def grouped():
    return Grouped((full(2, seed=1), full(1, seed=2), full(2, seed=3)), ((3, 0), (2,), (1, 4)))


def test_groups_are_products_in_the_order_of_the_vector():
    m = grouped()
    value = torch.linspace(-2, 2, 35).double().view(7, 5)
    parts = [value[:, [3, 0]], value[:, [2]], value[:, [1, 4]]]
    expected = sum(p.log_prob(v) for p, v in zip(m.parts, parts, strict=True))
    torch.testing.assert_close(m.log_prob(value), expected)
    torch.testing.assert_close(m.pdf(value), expected.exp())
    assert m.log_prob_per_group(value).shape == (7, 3)
    for name in ("mean", "variance", "stddev", "likeliest_mean"):
        assert torch.equal(getattr(m, name)[:, [3, 0]], getattr(m.parts[0], name))
        assert torch.equal(getattr(m, name)[:, [1, 4]], getattr(m.parts[2], name))
    assert [tuple(r.shape) for r in m.responsibilities(value)] == [(7, 3)] * 3
    shift = math.log(2) * 5
    torch.testing.assert_close(m.affine(2.0).log_prob(2 * value), m.log_prob(value) - shift)
    x = m.expand(20_000).sample(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(x.mean(0), m.mean, atol=0.15, rtol=0)
    entropy = m.entropy(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(entropy, -m.log_prob(x).mean(0), atol=0.05, rtol=0)


def test_one_group_is_joint_and_single_groups_are_per_dim():
    m = full(3)
    value = torch.linspace(-2, 2, 21).double().view(7, 3)
    one = Grouped((m,), ((0, 1, 2),))
    torch.testing.assert_close(one.log_prob(value), m.log_prob(value))
    parts = tuple(full(1, seed=i) for i in range(3))
    single = Grouped(parts, ((0,), (1,), (2,)))
    per_dim = Mixture(
        torch.stack([p.logits for p in parts], -2),
        torch.cat([p.mu.mT for p in parts], -2),
        torch.cat([p.log_sigma.mT for p in parts], -2),
        "per_dim",
    )
    torch.testing.assert_close(single.log_prob(value), per_dim.log_prob(value))


@pytest.mark.parametrize("groups", [((0,), (0, 1)), ((0, 2),), ((0, 1), ()), ()])
def test_impossible_groups_are_refused(groups):
    with pytest.raises(ValueError, match="groups are"):
        Grouped(tuple(full(max(len(g), 1)) for g in groups), groups)
    with pytest.raises(ValueError, match="do not fit"):
        Grouped((full(3),), ((0, 1),))
