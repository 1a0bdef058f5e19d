"""What distributions refuse, and what they compute right where it is easily wrong."""

import math

import pytest
import torch

from worldmodel.mdn import (
    Bernoulli,
    Categorical,
    Grouped,
    Heads,
    LeastSquaresHead,
    Mixture,
    MixtureHead,
    Normal,
    NormalHead,
    Temperature,
    nll,
)

UNIT = Mixture(torch.zeros(5, 3), torch.zeros(5, 3, 1), torch.zeros(5, 3, 1), "joint")
VALUE = torch.arange(5.0)


def test_a_values_last_size_is_d():
    for of in (lambda: nll(UNIT, VALUE), lambda: UNIT.cdf(VALUE), lambda: UNIT.log_prob(VALUE[0])):
        with pytest.raises(ValueError, match=r"\(\.\.\., 1\)"):
            of()
    assert nll(UNIT, VALUE[:, None]).item() == pytest.approx(3.9189, abs=1e-4)
    assert UNIT.cdf(VALUE[:, None]).tolist() == pytest.approx(
        [0.5, 0.84134, 0.97725, 0.99865, 0.99997], abs=1e-5
    )


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_one_number_is_no_vector_of_eight(factorization):
    head = MixtureHead(4, 8, 3, factorization=factorization)
    for value in (torch.zeros(5, 1), torch.zeros(5, 9), torch.zeros(4, 8)):
        with pytest.raises(ValueError, match=r"value|batch"):
            head(torch.zeros(5, 4)).log_prob(value)
    with pytest.raises(ValueError, match="value"):
        Normal(torch.zeros(5, 8), torch.zeros(())).log_prob(torch.zeros(5, 1))


def test_targets_of_another_batch_are_refused():
    with pytest.raises(ValueError, match="does not fit"):
        Categorical(torch.zeros(5, 4)).log_prob(torch.zeros(3))
    with pytest.raises(ValueError, match="does not fit"):
        Normal(torch.zeros(5, 2), torch.zeros(())).log_prob(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="events are"):
        Bernoulli(torch.zeros(5)).log_prob(torch.zeros(3))
    choice = Categorical(torch.tensor([0.0, math.log(3)]))
    assert choice.log_prob(torch.tensor([1, 0])).exp().tolist() == pytest.approx([0.75, 0.25])


def test_surplus_columns_are_refused():
    m = Grouped((UNIT, UNIT), ((0,), (1,)))
    with pytest.raises(ValueError, match="value"):
        m.log_prob(torch.zeros(5, 3))


@pytest.mark.parametrize("name", ["logits", "mu", "log_sigma"])
def test_parameters_that_are_no_numbers_are_named(name):
    parts = {
        "logits": torch.zeros(5, 3),
        "mu": torch.zeros(5, 3, 2),
        "log_sigma": torch.zeros(5, 3, 2),
    }
    parts[name] = torch.full_like(parts[name], math.nan)
    m = Mixture(**parts, factorization="joint")
    with pytest.raises(ValueError, match=f"{name} holds NaN"):
        m.log_prob(torch.zeros(5, 2))
    if name == "logits":
        with pytest.raises(ValueError, match="logits holds NaN"):
            m.sample()


def test_so_are_those_of_the_others():
    bad = torch.full((4, 2), math.nan)
    for one in (Bernoulli(bad[:, 0]), Categorical(bad)):
        with pytest.raises(ValueError, match="logits holds NaN"):
            one.sample()
        with pytest.raises(ValueError, match="logits holds NaN"):
            one.log_prob(torch.zeros(4))
    with pytest.raises(ValueError, match="mu holds NaN"):
        Normal(bad, torch.zeros(())).log_prob(torch.zeros(4, 2))


@pytest.mark.parametrize(
    ("logits", "mu", "factorization"),
    [((), (), "joint"), ((), (1,), "joint"), ((3,), (3,), "per_dim"), ((0,), (0, 2), "joint"),
     ((2, 0), (2, 0), "per_dim"), ((3,), (3, 0), "joint")],
)  # fmt: skip
def test_mixtures_of_nothing_are_refused(logits, mu, factorization):
    with pytest.raises(ValueError, match="can't have"):
        Mixture(torch.zeros(logits), torch.zeros(mu), torch.zeros(mu), factorization)
    with pytest.raises(ValueError, match="logits are"):
        Categorical(torch.zeros(3, 0))


def test_complex_numbers_are_refused():
    with pytest.raises(ValueError, match="complex64"):
        Mixture(torch.zeros(3), torch.zeros(3, 2).cfloat(), torch.zeros(3, 2), "joint")


def test_half_precision_is_widened_in_all_of_them():
    head = LeastSquaresHead(4, 1).half()
    cost = nll(head(torch.zeros(2, 4).half()), torch.full((2, 1), 300.0).half())
    assert cost.item() == pytest.approx(0.5 * 300**2, rel=0.01)
    assert Categorical(torch.zeros(3).half()).logits.dtype == torch.float32
    assert Bernoulli(torch.zeros(3).bfloat16()).logits.dtype == torch.float32


def test_weights_are_no_mask():
    weight = torch.tensor([1, 0.1, 0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="weight="):
        nll(UNIT, VALUE[:, None], weight)
    assert nll(UNIT, VALUE[:, None], weight=weight).item() == pytest.approx(1.990, abs=1e-3)
    halves = torch.tensor([1.0, 1, 0, 0, 0])
    torch.testing.assert_close(
        nll(UNIT, VALUE[:, None], weight=halves), nll(UNIT, VALUE[:, None], halves)
    )
    with pytest.raises(ValueError, match="negative"):
        nll(UNIT, VALUE[:, None], weight=-weight)
    with pytest.raises(ValueError, match="weight is"):
        nll(UNIT, VALUE[:, None], weight=weight[:3])


def test_total_is_no_name_for_a_head():
    with pytest.raises(ValueError, match="total"):
        Heads({"total": NormalHead(4, 1)})


def test_the_coldest_draw_is_the_likeliest():
    m = Mixture(torch.tensor([0.0, 2.0]), torch.tensor([[0.0], [9.0]]), torch.zeros(2, 1), "joint")
    for tau in (1e-38, 1e-45, 1e-300):
        cold = Temperature(mixture=tau, scale=0.0)
        assert m.sample((50,), temperature=cold).unique().tolist() == [9.0]


def test_a_cdf_is_never_above_one():
    g = torch.Generator().manual_seed(0)
    m = Mixture(torch.randn(500, 200, generator=g), torch.zeros(500, 200, 1),
                torch.zeros(500, 200, 1), "joint")  # fmt: skip
    assert m.cdf(torch.full((500, 1), 1e3)).max() <= 1


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="samples is 0"):
        UNIT.entropy(0)
    with pytest.raises(ValueError, match="sigma is 'full'"):
        MixtureHead(4, 2, 2, sigma="full")
    for given in (torch.ones(3), torch.ones(5, 1)):
        with pytest.raises(ValueError, match="scale is"):
            UNIT.affine(given)


def test_a_shape_is_a_shape():
    head = MixtureHead(4, 2, 3, factorization="per_dim")
    m = head(torch.zeros(5, 4))
    assert m.sample((7,)).shape == (7, 5, 2)
    assert Grouped((UNIT, UNIT), ((0,), (1,))).sample((7, 2)).shape == (7, 2, 5, 2)
    assert Normal(torch.zeros(5, 2), torch.zeros(())).sample((7,)).shape == (7, 5, 2)
    assert Categorical(torch.zeros(5, 3)).sample((7,)).shape == (7, 5)
    assert Bernoulli(torch.zeros(5)).sample((7,)).shape == (7, 5)
    assert Bernoulli(torch.zeros(5)).sample((7,), temperature=0.0).shape == (7, 5)


def test_shapes_are_known_without_numbers():
    head = MixtureHead(4, 2, 3, covariance="full").to("meta")
    m = head(torch.zeros(5, 4, device="meta")).affine(2.0, 1.0)
    assert m.log_prob(torch.zeros(5, 2, device="meta")).shape == (5,)
    assert m.sample().shape == (5, 2)
    assert nll(m, torch.zeros(5, 2, device="meta"), torch.ones(5, device="meta")).shape == ()
