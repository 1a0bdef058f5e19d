import math

import pytest
import torch
from mixtures import mixture
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from worldmodel.mdn import Mixture

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}


def reference(m):
    if m.factorization == "per_dim":
        parts = Normal(m.mu, m.log_sigma.exp())
        return Independent(MixtureSameFamily(Categorical(logits=m.logits), parts), 1)
    parts = Independent(Normal(m.mu, m.log_sigma.exp()), 1)
    return MixtureSameFamily(Categorical(logits=m.logits), parts)


def two_components(dtype=torch.float64):
    mu = torch.tensor([[-5.0, 5.0]], dtype=dtype)
    log_sigma = torch.tensor([[2.0, 3.0]], dtype=dtype).log()
    return Mixture(torch.zeros(1, 2, dtype=dtype), mu, log_sigma, "per_dim")


def test_a_single_gaussian_has_its_closed_form():
    m = Mixture(torch.tensor([[3.0]]), torch.tensor([[1.0]]), torch.tensor([[0.5]]), "per_dim")
    expected = -0.5 * (2 / math.exp(0.5)) ** 2 - 0.5 - 0.5 * math.log(2 * math.pi)
    assert m.log_prob(torch.tensor([3.0])).item() == pytest.approx(expected, abs=1e-6)


def test_two_components_have_their_known_density_and_moments():
    m = two_components()
    density = [m.log_prob(torch.tensor([x]).double()).exp().item() for x in (-5.0, 0.0, 5.0)]
    assert density == pytest.approx([0.0999926166, 0.0209615983, 0.0664907517], abs=1e-10)
    assert m.mean.item() == pytest.approx(0, abs=1e-12)
    assert m.variance.item() == pytest.approx(31.5)


def test_the_density_integrates_to_one():
    x = torch.linspace(-60, 60, 20001, dtype=torch.float64)
    area = torch.trapezoid(two_components().log_prob(x[:, None]).exp(), x)
    assert area.item() == pytest.approx(1, abs=1e-9)


def test_two_components_have_their_known_pdf_cdf_and_entropy():
    m = two_components()
    assert m.pdf(torch.zeros(1).double()).item() == pytest.approx(0.0209615983, abs=1e-10)
    assert m.cdf(torch.zeros(1).double()).item() == pytest.approx(0.52079, abs=1e-5)
    entropy = m.entropy(400_000, torch.Generator().manual_seed(0))
    assert entropy.item() == pytest.approx(2.946832, abs=0.005)


def test_the_cdf_is_torchs_and_needs_one_dimension():
    m = mixture("per_dim", d=1)
    value = torch.linspace(-4, 4, 7).double()
    theirs = MixtureSameFamily(
        Categorical(logits=m.logits[:, 0]), Normal(m.mu[:, 0], m.log_sigma[:, 0].exp())
    )
    torch.testing.assert_close(m.cdf(value[:, None]), theirs.cdf(value))
    joint = Mixture(m.logits[:, 0], m.mu.mT, m.log_sigma.mT, "joint")
    torch.testing.assert_close(joint.cdf(value[:, None]), theirs.cdf(value))
    with pytest.raises(ValueError, match="1 dimension"):
        mixture("joint").cdf(torch.zeros(7, 4))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_responsibilities_are_the_gradient_of_the_density(factorization):
    m = mixture(factorization)
    logits = m.logits.log_softmax(-1).requires_grad_()
    value = torch.ones(7, 4).double()
    weighted = Mixture(logits, m.mu, m.log_sigma, factorization)
    (slope,) = torch.autograd.grad(weighted.log_prob(value).sum(), logits)
    shares = m.responsibilities(value)
    torch.testing.assert_close(shares.sum(-1), torch.ones(m.logits.shape[:-1]).double())
    # d log p / d logit = responsibility - weight.
    torch.testing.assert_close(slope, shares - m.logits.softmax(-1))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
@pytest.mark.parametrize("by", [-3.0, torch.tensor([0.5, 2.0, -3.0, 10.0]).double()])
def test_scaling_moves_the_density_with_the_value(factorization, by):
    m, value = mixture(factorization), torch.linspace(-2, 2, 28).double().view(7, 4)
    shift = (torch.as_tensor(by).abs().log() * torch.ones(4)).sum()
    torch.testing.assert_close(m.affine(by).log_prob(by * value), m.log_prob(value) - shift)
    torch.testing.assert_close(m.affine(by).mean, by * m.mean)
    moved = m.affine(by, torch.arange(4.0))
    torch.testing.assert_close(
        moved.log_prob(by * value + torch.arange(4.0)), m.log_prob(value) - shift
    )
    torch.testing.assert_close(moved.mean, by * m.mean + torch.arange(4.0))
    with pytest.raises(ValueError, match="by 0"):
        m.affine(0.0)


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_density_and_moments_are_those_of_torch(factorization, dtype):
    m = mixture(factorization, batch=(3, 2), dtype=dtype)
    value = torch.linspace(-3, 3, 24, dtype=dtype).view(3, 2, 4)
    for ours, theirs in (
        (m.log_prob(value), reference(m).log_prob(value)),
        (m.mean, reference(m).mean),
        (m.variance, reference(m).variance),
    ):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_per_dimension_densities_sum_to_the_whole():
    m, value = mixture("per_dim"), torch.ones(7, 4).double()
    assert m.log_prob_per_dim(value).shape == (7, 4)
    torch.testing.assert_close(m.log_prob_per_dim(value).sum(-1), m.log_prob(value))
    with pytest.raises(ValueError, match="joint"):
        mixture("joint").log_prob_per_dim(value)


def test_per_dim_is_as_many_mixtures_over_numbers():
    m, value = mixture("per_dim"), torch.linspace(-3, 3, 28).double().view(7, 4)
    single = [
        Mixture(m.logits[:, d : d + 1], m.mu[:, d : d + 1], m.log_sigma[:, d : d + 1], "per_dim")
        for d in range(4)
    ]
    expected = [one.log_prob(value[:, d : d + 1]) for d, one in enumerate(single)]
    torch.testing.assert_close(m.log_prob(value), sum(expected))
    torch.testing.assert_close(m.log_prob_per_dim(value), torch.stack(expected, -1))
    torch.testing.assert_close(m.variance, torch.cat([one.variance for one in single], -1))


def test_in_one_dimension_joint_and_per_dim_are_the_same():
    m = mixture("per_dim", d=1)
    joint = Mixture(m.logits[:, 0], m.mu.mT, m.log_sigma.mT, "joint")
    value = torch.linspace(-4, 4, 7).double()[:, None]
    torch.testing.assert_close(m.log_prob(value), joint.log_prob(value))
    torch.testing.assert_close(m.variance, joint.variance)
    g = [torch.Generator().manual_seed(1) for _ in range(2)]
    torch.testing.assert_close(
        m.sample(temperature=1.3, generator=g[0]), joint.sample(temperature=1.3, generator=g[1])
    )


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_gradients_are_right(factorization):
    m = mixture(factorization, batch=(2,), d=3, k=2)
    inputs = [p.clone().requires_grad_() for p in (m.logits, m.mu, m.log_sigma)]
    value = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def density(logits, mu, log_sigma, value):
        return Mixture(logits, mu, log_sigma, factorization).log_prob(value)

    assert torch.autograd.gradcheck(density, (*inputs, value.requires_grad_()))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_far_targets_have_a_finite_loss_and_a_gradient(factorization):
    m = mixture(factorization, dtype=torch.float32)
    mu = m.mu.clone().requires_grad_()
    loss = -Mixture(m.logits, mu, torch.zeros_like(mu), factorization).log_prob(
        torch.full((7, 4), 1e4)
    )
    loss.sum().backward()
    assert loss.isfinite().all()
    assert mu.grad.isfinite().all()
    assert mu.grad.abs().amax() > 1e3


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_shifting_the_logits_changes_nothing(factorization):
    m, value = mixture(factorization), torch.ones(7, 4).double()
    shifted = Mixture(m.logits + 50, m.mu, m.log_sigma, factorization)
    torch.testing.assert_close(m.log_prob(value), shifted.log_prob(value))
    torch.testing.assert_close(m.mean, shifted.mean)


def test_half_precision_is_widened_also_under_autocast():
    m = mixture("per_dim", dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        half = Mixture(m.logits.half(), m.mu.bfloat16(), m.log_sigma.bfloat16(), "per_dim")
        value = torch.zeros(7, 4, dtype=torch.bfloat16)
        results = [half.log_prob(value), half.mean, half.variance]
        results += [half.likeliest_mean, half.sample()]
        exact = m.log_prob(value)
    assert {result.dtype for result in results} == {torch.float32}
    torch.testing.assert_close(exact, m.log_prob(value))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_samples_have_the_moments_of_the_mixture(factorization):
    m = mixture(factorization, batch=(), d=3, k=4, dtype=torch.float32)
    x = m.expand(200_000).sample(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(x.mean(0), m.mean, atol=0.03, rtol=0)
    torch.testing.assert_close(x.var(0), m.variance, atol=0.02, rtol=0.03)


def test_samples_pick_components_by_weight():
    logits = torch.tensor([[0.1, 0.6, 0.0, 0.3]]).log()
    mu = torch.tensor([[0.0, 10.0, 20.0, 30.0]])
    m = Mixture(logits, mu, torch.full_like(mu, -5), "per_dim").expand(100_000)
    picked = (m.sample(generator=torch.Generator().manual_seed(0)) / 10).round().long().flatten()
    share = picked.bincount(minlength=4) / len(picked)
    torch.testing.assert_close(share, torch.tensor([0.1, 0.6, 0.0, 0.3]), atol=0.005, rtol=0)
    assert share[2] == 0


def test_a_joint_sample_takes_one_component_and_per_dim_one_for_each():
    mu = torch.tensor([[-10.0, -10.0], [10.0, 10.0]])
    tight = torch.full_like(mu, -3)
    joint = Mixture(torch.zeros(2), mu, tight, "joint").expand(1000)
    split = Mixture(torch.zeros(2, 2), mu.T, tight, "per_dim").expand(1000)
    x, y = (m.sample(generator=torch.Generator().manual_seed(0)).sign() for m in (joint, split))
    assert (x[:, 0] == x[:, 1]).all()
    assert 0.4 < (y[:, 0] == y[:, 1]).float().mean() < 0.6


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.0])
def test_temperature_multiplies_the_variance_of_one_gaussian(temperature):
    one = Mixture(torch.zeros(1, 1), torch.ones(1, 1), torch.full((1, 1), 0.5), "per_dim")
    x = one.expand(200_000).sample(
        temperature=temperature, generator=torch.Generator().manual_seed(0)
    )
    assert x.var().item() == pytest.approx(temperature * math.e, rel=0.02)


def test_temperature_divides_the_logits():
    m = Mixture(
        torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 100.0]]), torch.zeros(1, 2), "per_dim"
    )
    x = m.expand(100_000).sample(temperature=2.0, generator=torch.Generator().manual_seed(0))
    assert (x > 50).float().mean().item() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.005)


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_temperature_zero_is_the_mean_of_the_likeliest_component(factorization):
    m = mixture(factorization)
    best = m.logits.argmax(-1)
    if factorization == "per_dim":
        expected = m.mu.gather(-1, best[..., None])[..., 0]
    else:
        expected = m.mu[torch.arange(7), best]
    assert torch.equal(m.sample(temperature=0.0), expected)
    assert torch.equal(m.likeliest_mean, expected)
    with pytest.raises(ValueError, match="temperature"):
        m.sample(temperature=-0.1)


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_samples_are_a_function_of_the_generator(factorization):
    m = mixture(factorization)
    a, b, c = (
        m.sample(temperature=1.0, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_batch_of_one_and_no_batch_keep_their_shapes():
    for batch in ((), (1,), (1, 1)):
        m = mixture("joint", batch=batch)
        assert m.sample().shape == (*batch, 4)
        assert m.log_prob(torch.zeros(*batch, 4)).shape == batch


def test_parameters_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="can't have"):
        Mixture(torch.zeros(5), torch.zeros(4, 5), torch.zeros(4, 5), "per_dim")
    with pytest.raises(ValueError, match="factorization"):
        Mixture(torch.zeros(4, 5), torch.zeros(4, 5), torch.zeros(4, 5), "full")
