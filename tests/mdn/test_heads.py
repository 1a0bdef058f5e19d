import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from worldmodel.mdn import BernoulliHead, MixtureHead, NormalHead


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(("factorization", "outputs"), [("per_dim", 480), ("joint", 325)])
def test_a_mixture_head_is_one_linear_layer_of_the_papers_size(factorization, outputs):
    head = MixtureHead(16, 32, 5, factorization, -7.0, 3.0)
    assert sum(p.numel() for p in head.parameters()) == 17 * outputs
    m = head(torch.randn(2, 3, 16))
    assert m.log_prob(torch.randn(2, 3, 32)).shape == (2, 3)
    assert m.sample().shape == (2, 3, 32)
    assert m.mu.shape == ((2, 3, 32, 5) if factorization == "per_dim" else (2, 3, 5, 32))


def test_moving_one_dimensions_outputs_leaves_the_others_alone():
    head = MixtureHead(4, 3, 2, "per_dim", -7.0, 3.0)
    features, value = torch.randn(1, 4), torch.zeros(1, 3)
    before = head(features).log_prob_per_dim(value)
    with torch.no_grad():
        head.linear.bias.view(3, 2, 3)[1, :, 1] += 5
    after = head(features).log_prob_per_dim(value)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert after[0, 1] < before[0, 1] - 1


@pytest.mark.parametrize("bounds", [(-7.0, 3.0), (-2.0, 2.0), (-1.0, 4.0)])
def test_log_sigma_is_bounded_and_the_identity_around_zero(bounds):
    low, high = bounds
    bound = MixtureHead(1, 1, 1, "per_dim", low, high).double().bound
    raw = torch.linspace(-5, 5, 201, dtype=torch.float64, requires_grad=True)
    out = bound(raw)
    (slope,) = torch.autograd.grad(out.sum(), raw)
    assert (out > low).all()
    assert (out < high).all()
    assert (slope > 0).all()
    assert out[100].item() == pytest.approx(0, abs=1e-12)
    assert slope[100].item() == pytest.approx(1, abs=1e-12)
    extreme = bound(torch.tensor([-1e6, 1e6], dtype=torch.float64))
    assert extreme.tolist() == pytest.approx([low, high])


def test_heads_compute_in_full_precision_under_autocast():
    features = torch.randn(64, 16).bfloat16()
    value = torch.randn(64, 4)
    head = MixtureHead(16, 4, 3, "joint", -7.0, 3.0)
    exact = head(features.float()).log_prob(value)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(features).log_prob(value), exact)
        assert BernoulliHead(16)(features).logits.dtype == torch.float32
        assert NormalHead(16, 1)(features).mean.dtype == torch.float32


def test_extreme_features_train_to_finite_gradients():
    head = MixtureHead(16, 4, 3, "per_dim", -7.0, 3.0)
    loss = -head(1e3 * torch.randn(8, 16)).log_prob(1e4 * torch.randn(8, 4)).mean()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_a_head_recovers_a_gaussian():
    head = MixtureHead(1, 1, 2, "per_dim", -7.0, 3.0)
    x = 2 + 0.5 * torch.randn(2000, 1)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(200):
        loss = -head(torch.ones(2000, 1)).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    m = head(torch.ones(1, 1))
    assert m.mean.item() == pytest.approx(2, abs=0.05)
    assert m.variance.sqrt().item() == pytest.approx(0.5, abs=0.05)
    assert loss.item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.25), abs=0.05)


def test_a_bernoulli_head_is_torchs():
    event = BernoulliHead(8)(torch.randn(5, 8))
    value = torch.tensor([0.0, 1, 1, 0, 1])
    expected = Bernoulli(logits=event.logits)
    torch.testing.assert_close(event.log_prob(value), expected.log_prob(value))
    torch.testing.assert_close(event.probability, expected.probs)
    draws = torch.stack([event.sample(torch.Generator().manual_seed(s)) for s in range(4000)])
    torch.testing.assert_close(draws.mean(0), event.probability.detach(), atol=0.03, rtol=0)


def test_a_normal_head_is_torchs():
    normal = NormalHead(8, 3)(torch.randn(5, 8))
    value = torch.randn(5, 3)
    expected = Normal(normal.mean, 1.0).log_prob(value).sum(-1)
    torch.testing.assert_close(normal.log_prob(value), expected)
    draws = torch.stack([normal.sample(4.0) for _ in range(4000)])
    torch.testing.assert_close(draws.std(0), torch.full((5, 3), 2.0), atol=0.12, rtol=0)


@pytest.mark.parametrize(
    "arguments",
    [(4, 0, 5, "per_dim", -7, 3), (4, 2, 0, "joint", -7, 3), (4, 2, 5, "full", -7, 3),
     (4, 2, 5, "joint", 1, 3), (4, 2, 5, "joint", -7, 0)],
)  # fmt: skip
def test_impossible_mixture_heads_are_refused(arguments):
    with pytest.raises(ValueError, match=r"event_dim|factorization|log_sigma_min"):
        MixtureHead(*arguments)
