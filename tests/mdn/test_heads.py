import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal

from worldmodel.mdn import (
    BernoulliHead,
    CategoricalHead,
    EluSigma,
    GroupedMixtureHead,
    LeastSquaresHead,
    MixtureHead,
    NormalHead,
    SoftplusSigma,
    nll,
)


def fit(head, features, value, rate, steps):
    """Train a head by Adam; its last loss."""
    optimizer = torch.optim.Adam(head.parameters(), rate)
    for _ in range(steps):
        loss = -head(features).log_prob(value).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(("factorization", "outputs"), [("per_dim", 480), ("joint", 325)])
def test_a_mixture_head_is_one_linear_layer_of_the_papers_size(factorization, outputs):
    head = MixtureHead(16, 32, 5, factorization=factorization)
    assert sum(p.numel() for p in head.parameters()) == 17 * outputs
    m = head(torch.randn(2, 3, 16))
    assert m.log_prob(torch.randn(2, 3, 32)).shape == (2, 3)
    assert m.sample().shape == (2, 3, 32)
    assert m.mu.shape == ((2, 3, 32, 5) if factorization == "per_dim" else (2, 3, 5, 32))


def test_moving_one_dimensions_outputs_leaves_the_others_alone():
    head = MixtureHead(4, 3, 2, factorization="per_dim")
    features, value = torch.randn(1, 4), torch.zeros(1, 3)
    before = head(features).log_prob_per_dim(value)
    with torch.no_grad():
        head.linear.bias.view(3, 2, 3)[1, :, 1] += 5
    after = head(features).log_prob_per_dim(value)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert after[0, 1] < before[0, 1] - 1


def test_heads_compute_in_full_precision_under_autocast():
    features = torch.randn(64, 16).bfloat16()
    value = torch.randn(64, 4)
    head = MixtureHead(16, 4, 3)
    exact = head(features.float()).log_prob(value)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(features).log_prob(value), exact)
        assert BernoulliHead(16)(features).logits.dtype == torch.float32
        assert LeastSquaresHead(16, 1)(features).mean.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
@pytest.mark.parametrize("batch", [1, 16])
def test_targets_ten_thousand_sigmas_away_train_also_from_half_precision(
    factorization, dtype, batch
):
    head = MixtureHead(16, 64, 5, factorization=factorization)
    features = torch.randn(batch, 16).to(dtype)
    value = torch.full((batch, 64), 1e4).to(dtype)
    loss = -head(features).log_prob(value).mean()
    loss.backward()
    assert loss.isfinite()
    assert loss > 1e8  # half of 1e8 times 64 dimensions, at sigmas around 1
    assert all(p.grad.isfinite().all() for p in head.parameters())
    assert head.linear.bias.grad.abs().amax() > 1e3


def test_extreme_features_train_to_finite_gradients():
    head = MixtureHead(16, 4, 3, factorization="per_dim")
    loss = -head(1e3 * torch.randn(8, 16)).log_prob(1e4 * torch.randn(8, 4)).mean()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_a_head_recovers_a_gaussian():
    head = MixtureHead(1, 1, 2, factorization="per_dim")
    x = 2 + 0.5 * torch.randn(2000, 1)
    loss = fit(head, torch.ones(2000, 1), x, 0.05, 200)
    m = head(torch.ones(1, 1))
    assert m.mean.item() == pytest.approx(2, abs=0.05)
    assert m.variance.sqrt().item() == pytest.approx(0.5, abs=0.05)
    assert loss.item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.25), abs=0.05)


def test_a_bernoulli_head_is_torchs():
    event = BernoulliHead(8)(torch.randn(5, 8))
    value = torch.tensor([0.0, 1, 1, 0, 1])
    expected = Bernoulli(logits=event.logits)
    torch.testing.assert_close(event.log_prob(value), expected.log_prob(value))
    torch.testing.assert_close(event.probs, expected.probs)
    draws = torch.stack(
        [
            event.sample(temperature=1.0, generator=torch.Generator().manual_seed(s))
            for s in range(4000)
        ]
    )
    torch.testing.assert_close(draws.mean(0), event.probs.detach(), atol=0.03, rtol=0)


def test_a_normal_head_is_torchs():
    normal = LeastSquaresHead(8, 3)(torch.randn(5, 8))
    value = torch.randn(5, 3)
    expected = Normal(normal.mean, 1.0).log_prob(value).sum(-1)
    torch.testing.assert_close(normal.log_prob(value), expected)
    draws = torch.stack([normal.sample(temperature=4.0) for _ in range(4000)])
    torch.testing.assert_close(draws.std(0), torch.full((5, 3), 2.0), atol=0.12, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"dim": 0}, "dim"),
        ({"components": 0}, "components"),
        ({"factorization": "full"}, "factorization"),
        ({"covariance": "bivariate"}, "isotropic, diagonal, full"),
        ({"factorization": "per_dim", "covariance": "full"}, "per_dim"),
        ({"sigma": 1.0}, "sigma is 1.0"),
    ],
)
def test_impossible_mixture_heads_are_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        MixtureHead(**{"in_features": 4, "dim": 2, "components": 5} | arguments)


@pytest.mark.parametrize(
    ("covariance", "outputs"), [("isotropic", 5 * 4), ("diagonal", 5 * 5), ("full", 5 * 6)]
)
def test_a_covariance_adds_its_outputs(covariance, outputs):
    head = MixtureHead(16, 2, 5, covariance=covariance)
    assert sum(p.numel() for p in head.parameters()) == 17 * outputs
    m = head(torch.randn(3, 4, 16))
    assert m.log_prob(torch.zeros(3, 4, 2)).shape == (3, 4)
    assert m.sample().shape == (3, 4, 2)


@pytest.mark.parametrize("covariance", ["isotropic", "diagonal", "full"])
@pytest.mark.parametrize("sigma", [None, SoftplusSigma(1e-3), EluSigma(1e-3)])
def test_every_head_trains_on_extreme_features(covariance, sigma):
    head = MixtureHead(16, 64, 3, sigma=sigma, covariance=covariance)
    for size in (1e-3, 1.0, 1e3):
        loss = -head(size * torch.randn(1, 16)).log_prob(1e2 * torch.randn(1, 64)).mean()
        loss.backward()
        assert loss.isfinite()
        assert all(p.grad.isfinite().all() for p in head.parameters())


def test_a_bivariate_head_recovers_a_correlation():
    head = MixtureHead(1, 2, 1, covariance="full")
    noise = torch.randn(4000, 2)
    x = torch.stack([1 + 0.5 * noise[:, 0], 2 * (0.8 * noise[:, 0] + 0.6 * noise[:, 1])], 1)
    fit(head, torch.ones(4000, 1), x, 0.05, 300)
    m = head(torch.ones(1, 1))
    assert m.mean[0].tolist() == pytest.approx([1, 0], abs=0.1)
    assert m.variance[0].sqrt().tolist() == pytest.approx([0.5, 2], rel=0.05)
    (a, _), (rho, b) = m.covariance[0].tolist()
    assert rho / math.sqrt(a * b) == pytest.approx(0.8, abs=0.02)
    assert m.stddev[0].tolist() == pytest.approx([0.5, 2], rel=0.05)


def test_groups_have_a_head_each():
    head = GroupedMixtureHead(16, [[0, 2], [1]], [4, 3], covariance=["full", "diagonal"])
    assert sum(p.numel() for p in head.parameters()) == 17 * (4 * 6 + 3 * 3)
    value = torch.randn(5, 3)
    m = head(torch.randn(5, 16))
    first, second = (part(torch.zeros(1, 16)) for part in head.parts)
    assert (first.dim, second.dim) == (2, 1)
    torch.testing.assert_close(
        m.log_prob(value),
        m.parts[0].log_prob(value[:, [0, 2]]) + m.parts[1].log_prob(value[:, [1]]),
    )
    with pytest.raises(ValueError, match="groups are"):
        GroupedMixtureHead(16, [[0], [2]], 4)
    assert (m.batch_shape, m.event_shape) == ((5,), (3,))
    assert not m.detach().mean.requires_grad
    assert m.to(torch.float64).mean.dtype == torch.float64
    torch.testing.assert_close(m.stddev, m.variance.sqrt())
    with pytest.raises(ValueError, match="2 groups can't have 1 covariances and 2 counts"):
        GroupedMixtureHead(16, [[0], [1]], 4, covariance=["diagonal"])
    with pytest.raises(ValueError, match="2 groups can't have 2 covariances and 3 counts"):
        GroupedMixtureHead(16, [[0], [1]], [4, 4, 4])


def test_a_categorical_head_is_torchs():
    choice = CategoricalHead(8, 4)(torch.randn(5, 8))
    value = torch.tensor([0, 1, 2, 3, 0])
    expected = Categorical(logits=choice.logits)
    torch.testing.assert_close(choice.log_prob(value), expected.log_prob(value))
    draws = torch.stack([choice.sample() for _ in range(4000)])
    share = torch.stack([(draws == i).float().mean(0) for i in range(4)], -1)
    torch.testing.assert_close(share, choice.probs.detach(), atol=0.03, rtol=0)
    assert torch.equal(choice.sample(temperature=0.0), choice.logits.argmax(-1))
    with pytest.raises(ValueError, match="categories"):
        CategoricalHead(8, 1)


def test_events_sharpen_with_temperature():
    event = BernoulliHead(8)(torch.randn(5, 8))
    assert torch.equal(event.sample(temperature=0.0), (event.logits > 0).float())
    draws = torch.stack([event.sample(temperature=0.5) for _ in range(4000)])
    torch.testing.assert_close(
        draws.mean(0), torch.sigmoid(2 * event.logits).detach(), atol=0.03, rtol=0
    )


def test_a_normal_heads_sigma_can_be_learned():
    normal = NormalHead(8, 3, sigma=SoftplusSigma())(torch.randn(5, 8))
    value = torch.randn(5, 3)
    expected = Normal(normal.mean, normal.log_sigma.exp()).log_prob(value).sum(-1)
    torch.testing.assert_close(normal.log_prob(value), expected)
    assert normal.log_sigma.shape == (5, 3)
    assert torch.equal(normal.sample(temperature=0.0), normal.mean)


@pytest.mark.parametrize("d", [2, 8, 32, 64])
def test_an_untrained_full_covariance_costs_what_a_diagonal_one_does(d):
    value = torch.randn(500, d)
    features = torch.randn(500, 64)
    costs = {}
    for covariance in ("diagonal", "full"):
        torch.manual_seed(1)
        m = MixtureHead(64, d, 5, covariance=covariance)(features)
        costs[covariance] = -m.log_prob(value).mean().item() / d
    assert costs["full"] == pytest.approx(costs["diagonal"], abs=0.1)
    assert 1.5 < costs["full"] < 2


def test_strong_correlations_are_learned_in_many_dimensions():
    """Sixteen pairs with correlation 0.99, by the biases alone: what a fitted Gaussian costs."""
    half = torch.randn(600, 16)
    value = torch.empty(600, 32)
    value[:, ::2], value[:, 1::2] = (
        half,
        0.99 * half + math.sqrt(1 - 0.99**2) * torch.randn(600, 16),
    )
    head = MixtureHead(1, 32, 1, covariance="full")
    loss = fit(head, torch.zeros(600, 1), value, 0.05, 150)
    floor = 0.5 * (32 * math.log(2 * math.pi * math.e) + torch.logdet(value.T.cov()).item())
    assert loss.item() == pytest.approx(floor, abs=0.1)
    tril = head(torch.zeros(1, 1)).scale_tril[0, 0]
    cov = tril @ tril.T
    assert (cov[0, 1] / (cov[0, 0] * cov[1, 1]).sqrt()).item() == pytest.approx(0.99, abs=0.005)


@pytest.mark.parametrize(
    ("factorization", "covariance"),
    [("per_dim", "diagonal"), ("joint", "diagonal"), ("joint", "isotropic"), ("joint", "full")],
)
def test_a_head_starts_from_data_in_any_unit(factorization, covariance):
    """Two clusters, 1000 and 0.001 wide: 1 % above what the two cost."""
    place = torch.randint(2, (4000, 1)) * 8.0 - 4
    value = (place + torch.randn(4000, 2)) * torch.tensor([1000.0, 1e-3]) + torch.tensor([5e4, 7.0])
    head = MixtureHead(4, 2, 2, factorization=factorization, covariance=covariance)
    head.init_from(value, torch.Generator().manual_seed(0))
    m = head(torch.zeros(1, 4))
    both = 2 * 0.5 * math.log(2 * math.pi * math.e) + math.log(1000) + math.log(1e-3)
    floor = both + (2 if factorization == "per_dim" else 1) * math.log(2)
    assert -m.log_prob(value).mean().item() == pytest.approx(floor, abs=0.03)
    torch.testing.assert_close(m.mean[0], value.mean(0), rtol=1e-3, atol=1e-3)
    again = MixtureHead(4, 2, 2, factorization=factorization, covariance=covariance)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(torch.ones(1, 4)).mu, head(torch.ones(1, 4)).mu)


def test_a_head_that_started_from_wide_data_learns_them():
    value = 1000 * torch.randn(2000, 1)
    head = MixtureHead(1, 1, 3)
    head.init_from(value, torch.Generator().manual_seed(0))
    loss = fit(head, torch.ones(2000, 1), value, 0.02, 100)
    assert loss.item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 1e6), abs=0.06)


def test_data_that_a_head_can_not_start_from_are_refused():
    head = MixtureHead(4, 2, 3)
    for data, word in (
        (torch.zeros(9, 3), "value"), (torch.zeros(9), "use"), (torch.zeros(1, 2), "2 rows"),
        (torch.full((9, 2), math.nan), "finite"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=word):
            head.init_from(data)
    head.init_from(torch.ones(9, 2))  # constant: nothing to see, nothing to fail at
    assert head(torch.zeros(1, 4)).mean.tolist()[0] == pytest.approx([1, 1], abs=0.2)


def test_a_constant_column_keeps_its_unit():
    for constant in (0.1, 0.7, 255.3):
        head = MixtureHead(8, 1, 3)
        head.init_from(torch.full((1000, 1), constant))
        assert head.scale.item() == 1
        assert nll(head(torch.zeros(1, 8)), torch.full((1, 1), constant + 0.01)).item() < 100


def test_groups_start_from_data():
    value = torch.randn(500, 3) * torch.tensor([1.0, 1000.0, 1e-3])
    head = GroupedMixtureHead(4, [[0, 2], [1]], [2, 3])
    head.init_from(value)
    torch.testing.assert_close(head(torch.zeros(1, 4)).stddev[0], value.std(0), rtol=0.1, atol=1e-4)


def test_what_does_not_fit_leaves_a_head_as_it_was():
    two, three = MixtureHead(8, 2, 3), MixtureHead(8, 3, 3)
    two.init_from(torch.randn(100, 2))
    with pytest.raises(RuntimeError, match="size mismatch"):
        three.load_state_dict(two.state_dict())
    assert three(torch.zeros(1, 8)).mean.shape == (1, 3)
    half = {name: part for name, part in two.state_dict().items() if name != "scale"}
    with pytest.raises(RuntimeError, match="shift"):
        MixtureHead(8, 2, 3).load_state_dict(half)


def test_a_head_started_in_inference_mode_trains():
    head = MixtureHead(8, 2, 3)
    with torch.inference_mode():
        head.init_from(torch.randn(100, 2))
        again = MixtureHead(8, 2, 3)
    again = MixtureHead(8, 2, 3)
    with torch.inference_mode():
        again.load_state_dict(head.state_dict())
    for one in (head, again):
        nll(one(torch.zeros(5, 8)), torch.zeros(5, 2)).backward()
        assert one.linear.weight.grad.isfinite().all()
