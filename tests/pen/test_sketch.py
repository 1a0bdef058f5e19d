import math

import pytest
import torch
from drawings import drawings

from worldmodel.pen.data import BatchConfig, pen_data, units
from worldmodel.pen.drawn import spherical
from worldmodel.pen.network import PenConfig
from worldmodel.pen.sketch_network import SketchConfig, SketchNetwork

DECODER = PenConfig(1, 16, False, 0.0, 3, "state", True, -7.0, 3.0)
CONFIG = SketchConfig(8, 6, 0.5, 0.01, 0.9, 0.0, DECODER)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SketchNetwork(CONFIG).eval()


@pytest.fixture(scope="module")
def batch():
    sequences = drawings()
    still = BatchConfig(8, 0.0, 0.0, 0.0)
    return next(pen_data(sequences, 1.0, units(sequences).scale, still, 0).of("test"))


def test_padding_is_not_encoded(model, batch):
    mu, logvar = model.encode(batch["rows"], batch["mask"])
    length = int(batch["mask"][2].sum())
    one, alone = model.encode(batch["rows"][2:3, :length], torch.ones(1, length).bool())
    torch.testing.assert_close(mu[2:3], one)
    torch.testing.assert_close(logvar[2:3], alone)


def test_the_loss_is_the_bound(model, batch):
    """Reconstruction and KL per step, in nats, as torch's own distributions have it."""
    torch.manual_seed(3)
    loss, logs = model.loss(batch)
    mu, logvar = model.encode(batch["rows"], batch["mask"])
    posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    prior = torch.distributions.Normal(torch.zeros_like(mu), 1)
    kl = torch.distributions.kl_divergence(posterior, prior).sum(-1).mean() / batch["per"]
    assert logs["kl"].item() == pytest.approx(kl.item(), rel=1e-4)
    assert loss.item() == pytest.approx((logs["reconstruction"] + 0.5 * kl).item(), rel=1e-5)
    assert logs["reconstruction"].item() == pytest.approx(
        (logs["move"] + logs["pen"]).item(), rel=1e-5
    )


def test_the_weight_of_the_kl_grows_to_its_end(model):
    model.train()
    weights = [model._kl_weight() for _ in range(100)]
    assert weights[0] == pytest.approx(0.5 * (1 - 0.99 * 0.9))
    assert weights == sorted(weights)
    assert weights[-1] == pytest.approx(0.5, rel=1e-3)
    assert model.state_dict()["updates"] == 100
    assert model.eval()._kl_weight() == 0.5


def test_less_than_the_floor_costs_nothing(batch):
    import dataclasses

    torch.manual_seed(0)
    free = SketchNetwork(dataclasses.replace(CONFIG, kl_floor=100.0)).eval()
    loss, logs = free.loss(batch)
    assert loss.item() == pytest.approx(logs["reconstruction"].item())
    assert logs["kl"] > 0


def test_z_says_what_is_drawn(model):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 6, generator=generator)
    drawn = model.draw(z, 20, 0.0)
    again = model.draw(z[1:2], 20, 0.0)
    torch.testing.assert_close(drawn[1], again[0])
    assert not torch.equal(drawn[0][:1], drawn[1][:1])


def test_what_is_drawn_is_what_the_decoder_sees_in_training(model):
    z = torch.randn(1, 6, generator=torch.Generator().manual_seed(1))
    begun = torch.tensor([[0.4, 0.1, 0.0]])
    (drawn,) = model.draw(z, 10, 0.0, begun=begun)
    features = model.decoder.features(drawn[None], z, model.first_state(z))
    means = model.decoder.sequence.heads(features)["move"].likeliest_mean
    torch.testing.assert_close(means[0, 1:], drawn[1:, :2])


def test_halfway_on_a_sphere_is_on_it():
    a, b = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0])
    middle = spherical(a, b, 0.5)
    torch.testing.assert_close(middle, torch.tensor([1.0, 1, 0]) / math.sqrt(2))
    torch.testing.assert_close(spherical(a, b, 0.0), a)
