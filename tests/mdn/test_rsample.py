import pytest
import torch

from worldmodel.mdn import Grouped, Mixture


def generator():
    return torch.Generator().manual_seed(0)


def leaves(*values):
    return [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]


def test_a_single_component_moves_with_its_parameters():
    logits, mu, log_sigma, regression = leaves([0.0], [[1.0, 2.0]], [[0.1, -0.3]], [[0.7]])
    m = Mixture(logits, mu, log_sigma, "joint", regression).expand(200_000)
    x = m.rsample(generator=generator())
    (x[:, 0] * x[:, 1]).mean().backward()
    # E[x y] = mu1 mu2 + a s1².
    variance = log_sigma.detach()[0, :1].mul(2).exp()
    torch.testing.assert_close(mu.grad[0], torch.tensor([2.0, 1.0]).double(), atol=0.02, rtol=0)
    torch.testing.assert_close(regression.grad[0], variance, atol=0.02, rtol=0)


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_a_mixture_over_numbers_has_the_gradients_of_its_moments(factorization):
    logits, mu, log_sigma = leaves([0.3, -0.2, 0.5], [-2.0, 0.5, 1.5], [-0.5, 0.2, 0.0])
    shape = (1, 3) if factorization == "per_dim" else (3, 1)
    weights = logits.view(1, 3) if factorization == "per_dim" else logits
    m = Mixture(weights, mu.view(shape), log_sigma.view(shape), factorization)
    exact = torch.autograd.grad(m.variance.sum() + m.mean.square().sum(), (logits, mu, log_sigma))
    x = m.expand(400_000).rsample(generator=generator())
    estimate = torch.autograd.grad(x.square().mean(), (logits, mu, log_sigma))
    for ours, expected in zip(estimate, exact, strict=True):
        torch.testing.assert_close(ours, expected, atol=0.03, rtol=0)
    torch.testing.assert_close(
        x.detach(), m.expand(400_000).sample(temperature=1.0, generator=generator())
    )


def test_each_draw_moves_as_its_cdf_says():
    logits, mu, log_sigma = leaves([[0.3, -0.2]], [[-1.0, 1.0]], [[0.0, -0.5]])
    m = Mixture(logits, mu, log_sigma, "per_dim")
    x = m.rsample(generator=generator())
    slopes = torch.autograd.grad(x.sum(), (logits, mu, log_sigma))
    at = x.detach()
    density = m.pdf(at).detach()
    expected = torch.autograd.grad(m.cdf(at), (logits, mu, log_sigma))
    for ours, theirs in zip(slopes, expected, strict=True):
        torch.testing.assert_close(ours, -theirs / density)


def test_vectors_move_with_their_mixture():
    """The gradient of E[x y + x²], by draws and in closed form; and a second one of E[x]."""
    logits, mu, log_sigma = leaves(
        [0.3, -0.2, 0.5],
        [[-2.0, 1.0], [0.5, 0.0], [1.5, -1.0]],
        [[-0.5, 0.1], [0.2, 0.0], [0.0, 0.3]],
    )
    m = Mixture(logits, mu, log_sigma, "joint")
    weight = logits.softmax(-1)
    exact = (weight * (mu.prod(-1) + mu[:, 0] ** 2 + (2 * log_sigma[:, 0]).exp())).sum()
    x = m.expand(400_000).rsample(generator=generator())
    estimate = (x.prod(-1) + x[:, 0] ** 2).mean()
    ours, theirs = (
        torch.autograd.grad(of, (logits, mu, log_sigma), create_graph=True)
        for of in (estimate, exact)
    )
    for slope, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(slope, expected, atol=0.04, rtol=0)
    second, expected = (
        torch.autograd.grad(slopes[0][0], logits, retain_graph=True)[0] for slopes in (ours, theirs)
    )
    torch.testing.assert_close(second, expected, atol=0.1, rtol=0)


def test_groups_move_each_with_their_own():
    number = Mixture(torch.zeros(2), torch.zeros(2, 1), torch.zeros(2, 1), "joint")
    assert Grouped((number, number), ((1,), (0,))).rsample().shape == (2,)


def test_second_derivatives_are_those_of_the_inverse_cdf():
    """Of ½N(0, σ) + ½N(3, 1) at the draw of seed 1: what F(x; σ) = u says of x(σ)."""
    (log_sigma,) = leaves([[0.0, 0.0]])
    logits, mu = torch.zeros(1, 2).double(), torch.tensor([[0.0, 3.0]]).double()

    def first(at):
        x = Mixture(logits, mu, at, "per_dim").rsample(generator=torch.Generator().manual_seed(1))
        (slope,) = torch.autograd.grad(x.sum(), at, create_graph=True)
        return x, slope[0, 0]

    x, slope = first(log_sigma)
    (second,) = torch.autograd.grad(slope, log_sigma)
    level = Mixture(logits, mu, log_sigma, "per_dim").cdf(x).item()

    def solved(at):
        """The x with F(x) = level, by halving."""
        low, high = -20.0, 20.0
        m = Mixture(logits, mu, torch.tensor([[at, 0.0]], dtype=torch.float64), "per_dim")
        for _ in range(80):
            middle = (low + high) / 2
            if m.cdf(torch.tensor([middle], dtype=torch.float64)).item() < level:
                low = middle
            else:
                high = middle
        return low

    step = 1e-3
    left, centre, right = (solved(at) for at in (-step, 0.0, step))
    assert slope.item() == pytest.approx((right - left) / (2 * step), rel=1e-4)
    assert second[0, 0].item() == pytest.approx((right - 2 * centre + left) / step**2, rel=1e-3)
