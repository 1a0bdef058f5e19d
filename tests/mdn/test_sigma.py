import math

import pytest
import torch

from worldmodel.mdn import BoundedLogSigma, EluSigma, SoftplusSigma


@pytest.mark.parametrize("bounds", [(-7.0, 3.0), (-2.0, 2.0), (-1.0, 4.0)])
def test_log_sigma_is_bounded_and_the_identity_around_zero(bounds):
    low, high = bounds
    bound = BoundedLogSigma(low, high)
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


@pytest.mark.parametrize("bounds", [(2.0, 12.0), (-9.0, -1.0), (0.0, 5.0)])
def test_bounds_may_lie_anywhere(bounds):
    bound = BoundedLogSigma(*bounds)
    raw = torch.tensor([-1e6, 0.0, 1e6], dtype=torch.float64, requires_grad=True)
    out = bound(raw)
    (slope,) = torch.autograd.grad(out.sum(), raw)
    assert out.tolist() == pytest.approx([bounds[0], sum(bounds) / 2, bounds[1]])
    assert slope[1].item() == pytest.approx(1)


@pytest.mark.parametrize("sigma", [BoundedLogSigma(), SoftplusSigma(), EluSigma()])
def test_maps_increase_and_stay_finite_in_float32(sigma):
    raw = torch.linspace(-200, 200, 4001, requires_grad=True)
    out = sigma(raw)
    (slope,) = torch.autograd.grad(out.sum(), raw)
    assert out.isfinite().all()
    assert slope.isfinite().all()
    assert (out.diff() >= 0).all()


@pytest.mark.parametrize("raw", [-17.0, -16.0, -12.0, -1.0, 0.0, 0.5, 30.0])
def test_elu_plus_one_does_not_cancel(raw):
    eps = 1e-12
    exact = (math.exp(raw) if raw < 0 else raw + 1) + eps
    ours = EluSigma(eps)(torch.tensor(raw)).exp().item()
    assert ours == pytest.approx(exact, rel=3e-6)
    naive = (torch.nn.functional.elu(torch.tensor(raw)) + 1 + eps).item()
    if raw == -16:
        assert abs(naive / exact - 1) > 0.05  # what the map is written around


def test_softplus_never_falls_below_its_floor():
    raw = torch.tensor([-1e3, 0.0, 50.0])
    expected = [0.01, math.log(2) + 0.01, 50.01]
    assert SoftplusSigma(0.01)(raw).exp().tolist() == pytest.approx(expected, rel=1e-5)


def test_impossible_maps_are_refused():
    for low, high in ((3, 1), (0, 0), (-math.inf, 3)):
        with pytest.raises(ValueError, match="log_sigma_min"):
            BoundedLogSigma(low, high)
    with pytest.raises(ValueError, match="floor"):
        SoftplusSigma(0.0)
    with pytest.raises(ValueError, match="eps"):
        EluSigma(-1.0)


def test_bounds_beside_zero_are_no_cliff():
    bound = BoundedLogSigma(-7.0, 0.1)
    raw = torch.linspace(-20, 20, 2001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(bound(raw).sum(), raw)
    assert slope.max().item() <= 1 + 1e-6
    steep = BoundedLogSigma(-7.0, 0.5)
    (slope,) = torch.autograd.grad(steep(raw).sum(), raw)
    assert slope.max().item() < 6
