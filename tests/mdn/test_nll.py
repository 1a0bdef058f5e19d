import math

import pytest
import torch

from worldmodel.mdn import (
    BernoulliHead,
    CategoricalHead,
    Heads,
    Mixture,
    MixtureHead,
    Normal,
    nll,
)


@pytest.fixture
def outputs():
    torch.manual_seed(0)
    heads = Heads(
        {"z": MixtureHead(8, 3, 2), "end": BernoulliHead(8), "pen": CategoricalHead(8, 3)}
    )
    return heads(torch.randn(4, 6, 8))


@pytest.fixture
def targets():
    g = torch.Generator().manual_seed(1)
    return {
        "z": torch.randn(4, 6, 3, generator=g),
        "end": torch.randint(2, (4, 6), generator=g).float(),
        "pen": torch.randint(3, (4, 6), generator=g),
    }


def test_a_unit_gaussian_costs_what_it_costs():
    unit = Normal(torch.zeros(2, 5, 4), torch.zeros(()))
    target = torch.zeros(2, 5, 4)
    dimension = 0.5 * math.log(2 * math.pi)
    for per, expected in (
        ("dimension", dimension), ("step", 4 * dimension),
        ("sequence", 20 * dimension),
    ):  # fmt: skip
        assert nll(unit, target, per=per).item() == pytest.approx(expected)
        bits = nll(unit, target, per=per, unit="bits").item()
        assert bits == pytest.approx(expected / math.log(2))
    assert nll(unit, target, reduction="sum").item() == pytest.approx(40 * dimension)
    assert nll(unit, target, reduction="none").shape == (2, 5)
    assert nll(unit, target, per="sequence", reduction="none").shape == (2,)


def test_scaling_the_data_shifts_the_nats_by_its_logarithm():
    narrow, wide = Normal(torch.zeros(3), torch.zeros(())), Normal(
        torch.zeros(3), torch.tensor(math.log(10))
    )  # fmt: skip
    value = torch.tensor([0.3, -1.0, 2.0])
    shift = nll(wide, 10 * value) - nll(narrow, value)
    assert shift.item() == pytest.approx(3 * math.log(10), abs=1e-5)


def test_parts_have_names_and_a_total(outputs, targets):
    parts = outputs.nll(targets)
    assert set(parts) == {"z", "end", "pen", "total"}
    assert parts["total"].item() == pytest.approx(sum(parts[name].item() for name in targets))
    for name in targets:
        expected = -outputs[name].log_prob(targets[name]).mean()
        torch.testing.assert_close(parts[name], expected)
    per_dimension = outputs.nll(targets, per="dimension")
    torch.testing.assert_close(per_dimension["z"], parts["z"] / 3)
    torch.testing.assert_close(per_dimension["total"], parts["total"] / 5)
    per_sequence = outputs.nll(targets, per="sequence")
    torch.testing.assert_close(per_sequence["total"], 6 * parts["total"])


def test_padding_counts_for_nothing_not_even_as_nan(outputs, targets):
    mask = torch.ones(4, 6)
    mask[0, 2:] = 0
    mask[3] = 0
    spoilt = {name: value.clone() for name, value in targets.items()}
    spoilt["z"][mask == 0] = math.nan
    spoilt["end"][mask == 0] = math.nan
    means = outputs["z"].mu.detach().requires_grad_()
    parts = outputs.nll(spoilt, mask)
    expected = -outputs["z"].log_prob(targets["z"])[mask > 0].mean()
    torch.testing.assert_close(parts["z"], expected)
    m = Mixture(outputs["z"].logits.detach(), means, outputs["z"].log_sigma.detach(), "joint")
    nll(m, spoilt["z"], mask).backward()
    assert means.grad.isfinite().all()
    assert (means.grad[mask == 0] == 0).all()
    per_sequence = nll(outputs["z"], spoilt["z"], mask, per="sequence")
    torch.testing.assert_close(per_sequence, nll(m, spoilt["z"], mask, reduction="sum") / 3)
    assert nll(m, spoilt["z"], torch.zeros(4, 6)).item() == 0


def test_samples_have_names(outputs):
    assert {name: tuple(draw.shape) for name, draw in outputs.sample().items()} == {
        "z": (4, 6, 3), "end": (4, 6), "pen": (4, 6),
    }  # fmt: skip
    cold = outputs.sample(temperature=0.0)
    assert torch.equal(cold["z"], outputs["z"].likeliest_mean)
    assert torch.equal(cold["end"], outputs["end"].mode)
    assert torch.equal(cold["pen"], outputs["pen"].mode)


def test_unknown_words_and_shapes_are_refused(outputs, targets):
    for key, value in (("unit", "trits"), ("per", "pixel"), ("reduction", "max")):
        with pytest.raises(ValueError, match=key):
            nll(outputs["end"], targets["end"], **{key: value})
    with pytest.raises(ValueError, match="mask"):
        nll(outputs["end"], targets["end"], torch.ones(6))
    with pytest.raises(ValueError, match="targets are"):
        outputs.nll({"z": targets["z"]})
