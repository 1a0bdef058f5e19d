"""The dream on a GPU: one CUDA graph a step, and the numbers of the same step without it."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.dream import dynamics as dynamics_module
from worldmodel.dream import world as module
from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.models.mdnrnn import MDNRNN

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
FIRST = Starts.first_frames(
    torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.full((6, 4), -2.0)
)


def world(small, device="cuda", precision="fp32", temperature=1.0, graphs=True, end="sample",
          compiled=False):  # fmt: skip
    config = DreamConfig(temperature, end, 1.0, 60, None, 0.0, None, 0.0, precision, compiled)
    mdnrnn = deepcopy(small.mdnrnn)
    made = DreamWorld(Dynamics(mdnrnn, FIRST, config, 2, device), small.controller)
    if not graphs:
        made._ready = lambda live, rollouts: (
            live, lambda: made._step(rollouts, live, made._generator)
        )  # fmt: skip
    return made


def params(small, count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (count, small.controller.n_params)).astype(np.float32)


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_graph_changes_no_number(small, precision, compiled):
    fast = world(small, precision=precision, compiled=compiled)
    slow = world(small, precision=precision, graphs=False)
    for generation, seeds in enumerate([[5, 6], [7, 8], [5, 6]]):
        many = params(small, 4, generation)
        found = fast.evaluate(many, seeds, generation=generation)
        wanted = slow.evaluate(many, seeds, generation=generation)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(found[1], wanted[1])
    assert len(fast._graphs) == 1, "every generation should use the same graph"


@needs_gpu
def test_dropping_by_halves_changes_no_number(small, monkeypatch):
    many = params(small, 40)
    whole = world(small).evaluate(many, [5, 6, 7], generation=0)
    monkeypatch.setattr(module, "LEAST", 4)
    dropping = world(small)
    found = dropping.evaluate(many, [5, 6, 7], generation=0)
    assert len(dropping._graphs) > 1, "some should have been dropped"
    assert len(np.unique(whole[1])) > 2, "they should end at different times"
    np.testing.assert_array_equal(found[1], whole[1])
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-4, atol=1e-4)


@needs_gpu
def test_gpu_dreams_as_the_cpu_does(small):
    many = params(small, 3)
    at = {"temperature": 0.0, "end": "threshold"}  # nothing is drawn but the start, by numpy
    found = world(small, **at).evaluate(many, [5, 6], generation=0)
    wanted = world(small, "cpu", **at).evaluate(many, [5, 6], generation=0)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found[1], wanted[1])


@needs_gpu
def test_ensembles_dream_on_a_gpu_too(small):
    members = [MDNRNN(small.mdnrnn.config, 4, small.mdnrnn.action_dim) for _ in range(2)]
    config = replace(world(small)._dynamics.config, end="threshold")
    dynamics = Dynamics(deepcopy(small.mdnrnn), FIRST, config, 2, "cuda", members)
    returns, lengths = DreamWorld(dynamics, small.controller).evaluate(
        params(small, 3), [5, 6], generation=0
    )
    assert np.isfinite(returns).all()
    assert (lengths == 60).all()


@pytest.mark.parametrize(("count", "left", "size"), [(64, 33, 64), (64, 32, 32), (64, 3, 16)])
def test_a_gpu_drops_by_halves(small, monkeypatch, count, left, size):
    monkeypatch.setattr(module, "LEAST", 16)
    made = world(small, "cpu")
    made._gpu = True
    assert made._size(count, left) == size


def test_what_is_compiled(small, monkeypatch):
    monkeypatch.setattr(dynamics_module, "can_fuse", lambda device: True)
    dynamics = world(small, "cpu", compiled=True)._dynamics
    assert dynamics.fused
    assert not world(small, "cpu")._dynamics.fused, "switched off"
    member = MDNRNN(small.mdnrnn.config, 4, small.mdnrnn.action_dim)
    ensemble = Dynamics(dynamics.mdnrnn, FIRST, dynamics.config, 2, "cpu", [member])
    assert not ensemble.fused, "which member dreams depends on values"
