"""Mixtures from covariances and to and from torch's own."""

import math

import pytest
import torch
from mixtures import full, isotropic, mixture
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, StudentT

from worldmodel.mdn import from_covariance, from_keras, from_scale_tril, from_torch, to_torch


@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_a_cholesky_factor_comes_back(d):
    m = full(d)
    again = from_scale_tril(m.logits, m.mu, m.scale_tril)
    torch.testing.assert_close(again.log_sigma, m.log_sigma)
    torch.testing.assert_close(again.regression, m.regression)
    covariance = m.scale_tril @ m.scale_tril.mT
    torch.testing.assert_close(from_covariance(m.logits, m.mu, covariance).regression, m.regression)


def test_what_is_no_covariance_is_refused():
    m = full(3)
    with pytest.raises(ValueError, match="scale_tril is"):
        from_scale_tril(m.logits, m.mu, m.scale_tril[..., 0])
    with pytest.raises(ValueError, match="diagonal"):
        from_scale_tril(m.logits, m.mu, -m.scale_tril)
    for bad in (-torch.eye(3).double(), torch.tensor([[1.0, 2, 0], [0, 1, 0], [0, 0, 1]]).double()):
        with pytest.raises(ValueError, match="symmetric"):
            from_covariance(m.logits, m.mu, bad.expand(7, 3, 3, 3))


@pytest.mark.parametrize(
    "m", [full(), isotropic(), mixture("joint"), mixture("per_dim"), mixture("joint", d=1)]
)
def test_torch_has_the_same_and_gives_it_back(m):
    theirs = to_torch(m)
    value = torch.linspace(-2, 2, 7 * m.dim).double().view(7, m.dim)
    torch.testing.assert_close(m.log_prob(value), theirs.log_prob(value))
    torch.testing.assert_close(from_torch(theirs).log_prob(value), m.log_prob(value))
    assert m.batch_shape == theirs.batch_shape
    assert m.event_shape == theirs.event_shape
    torch.testing.assert_close(m.stddev, theirs.stddev)


def test_numbers_come_from_torch_and_others_do_not():
    m = mixture("joint", d=1)
    numbers = MixtureSameFamily(
        Categorical(logits=m.logits), Normal(m.mu[..., 0], m.log_sigma[..., 0].exp())
    )
    value = torch.linspace(-2, 2, 7).double()
    torch.testing.assert_close(
        from_torch(numbers).log_prob(value[:, None]), numbers.log_prob(value)
    )
    others = MixtureSameFamily(Categorical(torch.ones(2)), StudentT(torch.ones(2)))
    for other in (others, Independent(Normal(torch.zeros(3), 1.0), 1)):
        with pytest.raises(ValueError, match="no mixture of Gaussians"):
            from_torch(other)


def test_covariances_of_the_whole_vector():
    for m in (full(3, batch=()), mixture("per_dim", batch=(), d=3), mixture("joint", (), 3)):
        x = m.sample((200_000,), generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(m.covariance, x.T.cov(), atol=0.06, rtol=0.03)
        torch.testing.assert_close(m.covariance.diagonal(), m.variance)


def test_parameters_move_and_let_go():
    m = full(3)
    m.mu.requires_grad_()
    assert not m.detach().mu.requires_grad
    assert m.to(torch.float32).mu.dtype == torch.float32
    assert m.to("meta").regression.is_meta


def test_a_vector_of_keras_has_its_density():
    """K = 2, D = 2: means (1, 2) and (3, 4), sigmas (1, 2) and (0.5, 1), weights 1 to 3."""
    packed = torch.tensor([[1.0, 2, 3, 4, 1, 2, 0.5, 1, 0, math.log(3)]], dtype=torch.float64)
    m = from_keras(packed, 2, 2)
    value = torch.tensor([[1.5, 3.0]]).double()
    first = math.exp(-0.5 * (0.5**2 + 0.5**2)) / (2 * math.pi * 2)
    second = math.exp(-0.5 * (3.0**2 + 1)) / (2 * math.pi * 0.5)
    assert m.pdf(value).item() == pytest.approx(0.25 * first + 0.75 * second, rel=1e-12)
    assert m.mean.tolist() == [[2.5, 3.5]]
    with pytest.raises(ValueError, match="packed is"):
        from_keras(packed, 2, 3)
    with pytest.raises(ValueError, match="not positive"):
        from_keras(-packed, 2, 2)


def test_other_shapes_and_types_of_covariances():
    logits, mu = torch.zeros(2), torch.zeros(2, 2)
    with pytest.raises(ValueError, match="covariance is"):
        from_covariance(logits, mu, torch.ones(2, 2, 3))
    tiny = 1e-7 * torch.tensor([[1.0, 0.9], [0.0, 1.0]]).expand(2, 2, 2)
    with pytest.raises(ValueError, match="symmetric"):
        from_covariance(logits, mu, tiny)
    with pytest.raises(ValueError, match="lower triangular"):
        from_scale_tril(logits, mu, torch.tensor([[1.0, 0.5], [0.0, 1.0]]).expand(2, 2, 2))
    mixed = from_covariance(logits, mu.half(), torch.eye(2).double().expand(2, 2, 2))
    assert mixed.log_prob(torch.zeros(2)).dtype == torch.float64


def test_weights_that_are_the_same_for_all_come_from_torch():
    parts = Independent(Normal(torch.zeros(5, 3, 2), 1.0), 1)
    theirs = MixtureSameFamily(Categorical(logits=torch.zeros(3)), parts)
    torch.testing.assert_close(from_torch(theirs).log_prob(torch.zeros(5, 2)),
                               theirs.log_prob(torch.zeros(5, 2)))  # fmt: skip
