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
