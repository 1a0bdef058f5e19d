"""Distributions in torch.export, torch.func and torch.compile."""

import pytest
import torch
from mixtures import full, mixture
from torch.utils import _pytree

from worldmodel.mdn import (
    BernoulliHead,
    CategoricalHead,
    GroupedMixtureHead,
    Heads,
    Mixture,
    MixtureHead,
    NormalHead,
    nll,
)


@pytest.mark.parametrize("m", [full(), mixture("per_dim"), mixture("joint")])
def test_a_mixture_is_a_tree_of_its_parameters(m):
    doubled = _pytree.tree_map(lambda tensor: tensor * 1.0, m)
    value = torch.zeros(7, 4).double()
    assert torch.equal(doubled.log_prob(value), m.log_prob(value))
    leaves, spec = _pytree.tree_flatten(m)
    assert len(leaves) == (3 if m.regression is None else 4)
    assert _pytree.treespec_loads(_pytree.treespec_dumps(spec)) == spec


def heads():
    torch.manual_seed(0)
    return [
        MixtureHead(6, 3, 4, factorization="per_dim"),
        MixtureHead(6, 3, 4, covariance="full"),
        GroupedMixtureHead(6, [[0, 2], [1]], 4),
        NormalHead(6, 3),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("index", range(4))
def test_a_head_is_exported_for_batches_of_any_size(index):
    head = heads()[index]
    batch = {"features": {0: torch.export.Dim("batch", min=1, max=64)}}
    exported = torch.export.export(
        head, (torch.randn(5, 6),), dynamic_shapes=batch, strict=True
    ).module()
    features, value = torch.randn(9, 6), torch.randn(9, 3)
    torch.testing.assert_close(exported(features).log_prob(value), head(features).log_prob(value))


def test_several_heads_are_a_tree_and_exported():
    both, features = Heads({"z": heads()[0], "end": BernoulliHead(6)}), torch.randn(5, 6)
    exported = torch.export.export(both, (features,), strict=False).module()
    for found in (exported(features), _pytree.tree_map(torch.clone, both(features))):
        assert list(found) == ["z", "end"]
        assert torch.equal(found["z"].mu, both(features)["z"].mu)
        assert torch.equal(found["end"].logits, both(features)["end"].logits)


@pytest.mark.parametrize("index", range(4))
def test_a_head_is_mapped_over(index):
    head, features, value = heads()[index], torch.randn(9, 6), torch.randn(9, 3)
    mapped = torch.func.vmap(lambda x, y: head(x).log_prob(y))(features, value)
    torch.testing.assert_close(mapped, head(features).log_prob(value))
    whole = torch.func.vmap(head)(features)
    torch.testing.assert_close(whole.log_prob(value), head(features).log_prob(value))


def test_a_loss_compiles_in_one_graph():
    both = Heads({"z": heads()[0], "pen": CategoricalHead(6, 3), "end": BernoulliHead(6)})
    targets = {
        "z": torch.randn(5, 3), "pen": torch.zeros(5, dtype=torch.long), "end": torch.zeros(5)
    }  # fmt: skip

    def loss(features):
        return both(features).nll(targets)["total"] + nll(both(features)["z"], targets["z"])

    features = torch.randn(5, 6)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(features), loss(features))


@pytest.mark.parametrize("index", range(2))
def test_draws_compile_in_one_graph(index):
    """Whoever builds a mixture within the graph may draw from it there."""
    head, features = heads()[index], torch.randn(5, 6)
    m = head(features)
    level, noise = torch.rand(5, m.picks), torch.randn(5, 3)
    exact = {
        "transport": lambda x: head(x).transport(level, noise, 0.7),
        "affine": lambda x: head(x).affine(2.0, 1.0).variance,
        "likeliest": lambda x: head(x).sample(temperature=0.0),
    }
    for name, function in exact.items():
        torch._dynamo.reset()
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(features), function(features), msg=name)
    random = {
        "sample": (lambda x: head(x).sample(temperature=0.5), (5, 3)),
        "shape": (lambda x: head(x).sample((4,)), (4, 5, 3)),
        "rsample": (lambda x: head(x).rsample(), (5, 3)),
    }
    for function, shape in random.values():
        torch._dynamo.reset()
        assert torch.compile(function, fullgraph=True, backend="eager")(features).shape == shape


def test_a_short_repr():
    assert repr(full()) == "Mixture(joint, full, batch (7,), K 3, D 4)"
    grouped = heads()[2](torch.zeros(5, 6))
    assert repr(grouped) == (
        "Grouped([0, 2]: Mixture(joint, diagonal, batch (5,), K 4, D 2), "
        "[1]: Mixture(joint, diagonal, batch (5,), K 4, D 1))"
    )
    assert repr(BernoulliHead(6)(torch.zeros(5, 6))) == "Bernoulli(batch (5,))"
    assert repr(CategoricalHead(6, 3)(torch.zeros(5, 6))) == "Categorical(batch (5,), N 3)"
    assert repr(heads()[3](torch.zeros(5, 6))) == "Normal(batch (5,), D 3)"


def test_draws_are_differentiated_by_transforms():
    m = mixture("joint", (5,), 2)

    def spread(mu, seed=0):
        moved = Mixture(m.logits, mu, m.log_sigma)
        return moved.rsample(generator=torch.Generator().manual_seed(seed)).square().sum()

    mu = m.mu.clone().requires_grad_()
    (expected,) = torch.autograd.grad(spread(mu), mu)
    torch.testing.assert_close(torch.func.grad(spread)(m.mu), expected)
