"""Draws with NumPy alone are those of torch."""

import numpy as np
import pytest
import torch
from mixtures import full, isotropic, mixture

from worldmodel.mdn import numpy_draws

MIXTURES = {
    "per_dim": mixture("per_dim"),
    "joint": mixture("joint"),
    "isotropic": isotropic(),
    "full": full(4),
}


@pytest.mark.parametrize("temperature", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", MIXTURES)
def test_the_same_numbers_select_the_same_draw(name, temperature):
    m = MIXTURES[name]
    rng = np.random.default_rng(0)
    level, noise = rng.random((7, m.picks)), rng.standard_normal((7, 4))
    expected = m.transport(torch.from_numpy(level), torch.from_numpy(noise), temperature)
    parts = [part.numpy() for part in m.aligned()]
    regression = None if m.regression is None else m.regression.numpy()
    found = numpy_draws.transport(*parts, level, noise, regression, temperature)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", MIXTURES)
def test_draws_have_the_moments_of_the_mixture(name):
    m = MIXTURES[name]
    many = m.expand(20_000)
    parts = [part.numpy() for part in (many.logits, many.mu, many.log_sigma)]
    x = numpy_draws.sample(
        *parts,
        np.random.default_rng(0),
        factorization=m.factorization,
        regression=None if many.regression is None else many.regression.numpy(),
    )
    deviation = m.stddev.numpy()
    np.testing.assert_allclose(x.mean(0) / deviation, m.mean.numpy() / deviation, atol=0.03)
    np.testing.assert_allclose(x.std(0), deviation, rtol=0.05)


def test_other_words_are_refused():
    parts = [part.numpy() for part in (MIXTURES["joint"].logits, *MIXTURES["joint"].aligned()[1:])]
    with pytest.raises(ValueError, match="use joint or per_dim"):
        numpy_draws.sample(*parts, np.random.default_rng(0), factorization="full")
    with pytest.raises(ValueError, match="temperature is -1"):
        numpy_draws.sample(*parts, np.random.default_rng(0), temperature=-1)
