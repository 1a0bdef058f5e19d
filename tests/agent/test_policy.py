"""A policy survives its checkpoint and a trip to a worker, and can't be changed from outside."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from worldmodel.agent.policy import Policy, check_spec, load_policy, load_search, models_of
from worldmodel.models.controller import ControllerConfig
from worldmodel.run import checkpoint
from worldmodel.types import EnvSpec, UserError

SPEC = EnvSpec("Car", (64, 64, 3), (-1.0, 0.0), (1.0, 1.0), None, ("scale", "clip*0.2"), 99, 4,
               None, 900.0)  # fmt: skip


@pytest.fixture
def policy():
    rng = np.random.default_rng(0)
    config = ControllerConfig(("z", "h"), True, False, True, None, 3)
    offset, axes = rng.normal(size=7), rng.normal(size=(7, 3))
    start = Policy.zeros(config, SPEC, offset.astype(np.float32), axes.astype(np.float32))
    return start.with_params(rng.normal(size=len(start.params)))


def acts_like(one, two):
    features = torch.randn(1, 20, 3, generator=torch.Generator().manual_seed(0))
    actions = [
        policy.controller().act(torch.tensor(policy.params)[None], features)
        for policy in (one, two)
    ]
    return torch.equal(*actions)


def test_it_begins_at_zero_with_a_weight_for_every_component(policy):
    start = policy.with_params(np.zeros(len(policy.params)))
    assert len(start.params) == 2 * (3 + 1)
    assert not acts_like(start, policy)


def test_nothing_changes_it(policy):
    with pytest.raises(FrozenInstanceError):
        policy.offset = np.zeros(7, np.float32)
    offset, axes = policy.offset.copy(), policy.axes.copy()
    controller = policy.controller()
    controller.offset += 1
    controller.axes *= 2
    np.testing.assert_array_equal(policy.offset, offset)
    np.testing.assert_array_equal(policy.axes, axes)


def test_a_worker_gets_the_same(policy):
    assert acts_like(policy, pickle.loads(pickle.dumps(policy)))


def test_a_checkpoint_holds_it(policy, tmp_path):
    about = policy.describe() | {"vae": "runs/a/v.pt", "mdnrnn": "runs/a/m.pt"}
    path = tmp_path / "best.pt"
    checkpoint.save(path, {"about": about, "params": torch.tensor(policy.params)})
    again = load_policy(path)
    assert acts_like(policy, again)
    assert again.spec == SPEC
    assert {name: str(file) for name, file in models_of(path).items()} == {
        "vae": "runs/a/v.pt", "mdnrnn": "runs/a/m.pt"
    }  # fmt: skip
    checkpoint.save(path, {"about": about})
    with pytest.raises(UserError, match="is a search, not a controller"):
        load_policy(path)
    search = load_search(path)
    np.testing.assert_array_equal(search.axes, policy.axes)
    assert not search.params.any()
    assert load_search(tmp_path / "last.pt") is None
    checkpoint.save(path, {"about": {"kind": "vae"}})
    with pytest.raises(UserError, match="not a checkpoint of a controller"):
        load_policy(path)


def test_it_keeps_its_squash_in_the_environment_that_it_was_evolved_for(policy):
    other = replace(SPEC, squash=("scale", "scale"), solved_at=None, max_episode_steps=10)
    moved = check_spec(policy, other, "best.pt")
    assert moved.spec.squash == SPEC.squash
    assert moved.spec.max_episode_steps == 10
    for key, value in (("id", "Bike"), ("frame_skip", 1)):
        with pytest.raises(UserError, match=f"best.pt was evolved with {key} .* this call says"):
            check_spec(policy, replace(SPEC, **{key: value}), "best.pt")
