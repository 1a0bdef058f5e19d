import math

import pytest
import torch

from worldmodel.mdn import Mixture, Temperature


def many(logits, mu, log_sigma, count=100_000):
    return Mixture(*(torch.tensor([each]) for each in (logits, mu, log_sigma)), "per_dim").expand(
        count
    )


def draws(mixture, temperature):
    return mixture.sample(temperature=temperature, generator=torch.Generator().manual_seed(0))


def test_mixture_and_scale_are_two_knobs():
    m = many([0.0, 2.0], [0.0, 100.0], [0.0, 0.0])
    x = draws(m, Temperature(mixture=2.0, scale=0.25))
    upper = x > 50
    assert upper.float().mean().item() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.005)
    assert x[~upper].std().item() == pytest.approx(0.5, rel=0.02)


def test_zero_of_one_leaves_the_other():
    m = many([0.0, 0.0], [0.0, 100.0], [0.0, 0.0])
    assert set(draws(m, Temperature(mixture=1.0, scale=0.0)).unique().tolist()) == {0.0, 100.0}
    x = draws(m, Temperature(mixture=0.0, scale=1.0))
    assert (x < 50).all()
    assert x.std().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("bias", [0.0, 0.5, 3.0])
def test_graves_bias_is_a_temperature(bias):
    logits, raw = [0.0, 1.5], [0.3, -0.2]
    m = many(logits, [0.0, 100.0], raw)
    x = draws(m, Temperature.graves(bias))
    upper = x > 50
    share = torch.softmax(torch.tensor(logits) * (1 + bias), 0)[1].item()
    assert upper.float().mean().item() == pytest.approx(share, abs=0.005)
    assert x[upper].std().item() == pytest.approx(math.exp(raw[1] - bias), rel=0.02)
    with pytest.raises(ValueError, match="bias"):
        Temperature.graves(-0.1)


def test_a_sigma_temperature_multiplies_sigma():
    x = draws(many([0.0], [0.0], [0.0]), Temperature.of_sigma(0.5))
    assert x.std().item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("name", ["mixture", "scale", "event"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_impossible_temperatures_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} temperature"):
        Temperature(**{name: value})
