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
    SoftplusSigma,
    Temperature,
    condition,
    crps,
    kl_bound,
    marginal,
    nll,
    pit,
    to_torch,
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
    with pytest.raises(ValueError, match="does not fit"):
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


@pytest.mark.parametrize("name", ["mu", "log_sigma"])
def test_nan_in_a_parameter_is_refused_by_all_that_computes_with_it(name):
    parts = {"logits": torch.zeros(3), "mu": torch.zeros(3, 2), "log_sigma": torch.zeros(3, 2)}
    parts[name][0, 0] = math.nan
    m, value = Mixture(**parts), torch.zeros(2)
    asked = [
        lambda: m.log_prob(value), lambda: m.log_prob_each(value), lambda: m.rsample((200,)),
        lambda: m.responsibilities(value), lambda: pit(m, value), lambda: crps(m, value),
        lambda: m.variance, lambda: kl_bound(m, m),
        lambda: m.sample((200,), generator=torch.Generator().manual_seed(0)),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(ValueError, match=f"{name} holds NaN"):
            ask()
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="scale holds NaN or infinity"):
            UNIT.affine(bad)


def test_a_component_without_weight_changes_nothing():
    g = torch.Generator().manual_seed(0)
    mu = torch.randn(3, 2, generator=g)
    m = Mixture(torch.tensor([1.0, 1.0, 0.0]).log(), mu, torch.zeros(3, 2))
    two = Mixture(torch.zeros(2), mu[:2], torch.zeros(2, 2))
    value = torch.zeros(2)
    assert m.log_prob_each(value).isfinite().all()
    torch.testing.assert_close(m.log_prob(value), two.log_prob(value))
    given = condition(m, [0], torch.zeros(1)).log_prob(torch.zeros(1))
    torch.testing.assert_close(given, condition(two, [0], torch.zeros(1)).log_prob(torch.zeros(1)))
    assert kl_bound(m, m).item() == 0


def test_events_and_choices_are_those_that_there_are():
    event = Bernoulli(torch.zeros(3))
    assert event.log_prob(event.sample((7,))).shape == (7, 3)
    with pytest.raises(ValueError, match="0 or 1"):
        event.log_prob(torch.tensor([0.0, 0.5, 1.0]))
    choice = Categorical(torch.zeros(4, 3))
    assert choice.log_prob(choice.sample((7,))).shape == (7, 4)
    for bad in (1.7, -1, 3):
        with pytest.raises(ValueError, match="one of 0 … 2"):
            choice.log_prob(torch.full((4,), bad))
    assert Bernoulli(torch.tensor([2.0])).sample(temperature=1e-46).item() == 1
    cold = Mixture(torch.tensor([0.0, 1e10]), torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1))
    assert cold.sample(temperature=Temperature(mixture=1e-29, scale=0.0)).item() == 1


def test_shapes_and_maps_are_what_they_should_be():
    with pytest.raises(ValueError, match=r"use \(3,\)"):
        UNIT.sample(3)
    with pytest.raises(ValueError, match="use a map"):
        MixtureHead(4, 2, 2, sigma=SoftplusSigma)
    with pytest.raises(ValueError, match="use a map"):
        NormalHead(4, 2, sigma="softplus")
    for kind in (NormalHead, LeastSquaresHead):
        with pytest.raises(ValueError, match="dim is 0"):
            kind(4, 0)
    assert Normal(torch.zeros(3), 0.0).log_prob(torch.zeros(3)).item() == pytest.approx(
        -1.5 * math.log(2 * math.pi)
    )
    assert UNIT.rsample((7,)).shape == (7, *UNIT.sample().shape)


def test_a_grouped_mixture_says_what_takes_its_parts():
    one = Mixture(torch.zeros(5, 2), torch.zeros(5, 2, 1), torch.zeros(5, 2, 1))
    other = Mixture(torch.zeros(4, 2), torch.zeros(4, 2, 1), torch.zeros(4, 2, 1))
    with pytest.raises(ValueError, match="parts have batches"):
        Grouped((one, other), ((0,), (1,)))
    both = Grouped((one, one), ((0,), (1,)))
    for ask in (lambda: pit(both, torch.zeros(2)), lambda: to_torch(both),
                lambda: marginal(both, [0]), lambda: kl_bound(both, both)):  # fmt: skip
        with pytest.raises(ValueError, match="use its parts"):
            ask()
    with pytest.raises(ValueError, match="scale is"):
        both.affine(torch.ones(3))
    exact = Grouped((one.to(torch.float64),) * 2, ((0,), (1,)))
    assert exact.affine(0.1).stddev[0, 0].item() == pytest.approx(0.1, rel=1e-15)
