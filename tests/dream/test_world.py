"""The dream as a world: batched, seeded, ended by its own head."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.types import UserError

FIRST = Starts.first_frames(
    torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.full((6, 4), -2.0)
)


def dream(small, temperature=1.0, end_threshold=1.0, max_steps=24, end="threshold", reward=None,
          dropout=0.0, members=(), precision="fp32"):  # fmt: skip
    config = DreamConfig(
        temperature, end, end_threshold, max_steps, None, 0.0, reward, dropout, precision
    )
    dynamics = Dynamics(small.mdnrnn, FIRST, config, 2, "cpu", members)
    return DreamWorld(dynamics, small.controller)


def params(small, count):
    rng = np.random.default_rng(1)
    return rng.normal(0, 1, (count, small.controller.n_params)).astype(np.float32)


def test_shapes_cap_and_env_steps(small):
    returns, lengths = dream(small).evaluate(params(small, 3), [5, 6], generation=0)
    assert returns.shape == lengths.shape == (3, 2)
    assert (lengths == 24).all(), "12 agent steps of 2 env steps: a threshold of 1 never ends"
    assert np.isfinite(returns).all()


def test_same_seeds_same_dream_other_seeds_another(small):
    many = params(small, 2)
    first = dream(small).evaluate(many, [5, 6], generation=0)[0]
    np.testing.assert_array_equal(first, dream(small).evaluate(many, [5, 6], generation=0)[0])
    assert not np.array_equal(first, dream(small).evaluate(many, [7, 8], generation=0)[0])


def test_candidates_share_their_starts(small):
    twins = np.repeat(params(small, 1), 2, 0)
    returns = dream(small).evaluate(twins, [5, 6], generation=0)[0]
    np.testing.assert_allclose(returns[0], returns[1], rtol=1e-5)
    assert abs(returns[0, 0] - returns[0, 1]) > 1e-3


def test_a_rollout_does_not_depend_on_its_neighbours(small):
    many = params(small, 5)
    world = dream(small, end="sample", max_steps=60)
    together, lengths = world.evaluate(many, [5, 6, 7], generation=0)
    assert len(np.unique(lengths)) > 2, "they should end at different times and be dropped"
    for i in range(5):
        alone, steps = world.evaluate(many[i : i + 1], [5, 6, 7], generation=0)
        np.testing.assert_array_equal(steps[0], lengths[i])
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-4)


def test_sampled_ends_come_at_the_true_rate(small):
    many, seeds = params(small, 50), list(range(40))
    world = dream(small, end="sample", max_steps=2)
    state = small.mdnrnn.initial_state(1)
    # The first step's chance varies little over starts and actions of an untrained M.
    chance = small.mdnrnn.predict(state[0]).end_chance.item()
    weight = small.mdnrnn.config.end_positive_weight
    trained = small.mdnrnn.predict(state[0]).end.item()
    assert trained / (1 - trained) == pytest.approx(weight * chance / (1 - chance), rel=1e-4)
    _, lengths = dream(small, end="sample", max_steps=4).evaluate(many, seeds, generation=0)
    assert (lengths == 2).mean() == pytest.approx(chance, rel=0.5)
    assert (world.evaluate(many, seeds, generation=0)[1] == 2).all()


def test_a_fixed_reward_counts_env_steps(small):
    returns, lengths = dream(small, end="sample", reward=1.0).evaluate(
        params(small, 3), [5, 6], generation=0
    )
    np.testing.assert_array_equal(returns, lengths)


def test_without_a_reward_there_is_no_dream(small):
    bare = MDNRNN(replace(small.mdnrnn.config, reward_head=False), 4, 2)
    with pytest.raises(ValueError, match="step_reward"):
        Dynamics(bare, FIRST, dream(small)._dynamics.config, 1, "cpu")


def test_reward_is_counted_until_the_end_and_not_beyond(small):
    threshold = 0.0001  # the untrained head is far above it, so every dream ends at once
    returns, lengths = dream(small, 0.0, threshold).evaluate(params(small, 2), [5], generation=0)
    assert (lengths == 2).all()
    once = dream(small, 0.0, 1.0, max_steps=2).evaluate(params(small, 2), [5], generation=0)[0]
    np.testing.assert_allclose(returns, once, rtol=1e-5)


def test_one_step_by_hand(small):
    world, one = dream(small, 0.0, 1.0, max_steps=2), params(small, 1)
    z, state = world._begin(one, [5]).dreamers.z, small.mdnrnn.initial_state(1)
    with torch.inference_mode():
        x = torch.cat([z, state[0]], 1)[0].numpy()
        action = np.eye(2, dtype=np.float32)[
            (one[0, :-2].reshape(2, 12) @ x + one[0, -2:]).argmax()
        ]
        state = small.mdnrnn.advance(z, torch.from_numpy(action)[None], state)
        expected = small.mdnrnn.predict(state[0]).reward
    np.testing.assert_allclose(
        world.evaluate(one, [5], generation=0)[0][0, 0], float(expected), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("temperature", (-1.0, "sample", 0.5, 3, None, 0.0, None, 0.0, "fp32")),
        ("end_threshold", (1.0, "threshold", 0.0, 3, None, 0.0, None, 0.0, "fp32")),
        ("end", (1.0, "never", 0.5, 3, None, 0.0, None, 0.0, "fp32")),
        ("max_steps", (1.0, "sample", 0.5, 0, None, 0.0, None, 0.0, "fp32")),
        ("first_share", (1.0, "sample", 0.5, 3, 4, 1.0, None, 0.0, "fp32")),
        ("burn_in", (1.0, "sample", 0.5, 3, -1, 0.0, None, 0.0, "fp32")),
        ("dropout", (1.0, "sample", 0.5, 3, None, 0.0, None, 1.0, "fp32")),
        ("precision", (1.0, "sample", 0.5, 3, None, 0.0, None, 0.0, "fp8")),
    ],
)
def test_bad_numbers_name_the_key(key, values):
    with pytest.raises(ValueError, match=key):
        DreamConfig(*values)


def test_bf16_rounds_the_predictions_and_nothing_else(small, monkeypatch):
    many, seen = params(small, 3), []
    act = small.controller.act
    monkeypatch.setattr(small.controller, "act", lambda *of: seen.append(act(*of)) or seen[-1])
    exact = dream(small, max_steps=4).evaluate(many, [5, 6], generation=0)[0]
    rounded = dream(small, max_steps=4, precision="bf16").evaluate(many, [5, 6], generation=0)[0]
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(exact, rounded, atol=0.05)
    assert {action.dtype for action in seen} == {torch.float32}


def test_dropout_changes_the_dream_and_keeps_it_seeded(small):
    many = params(small, 3)
    plain = dream(small).evaluate(many, [5, 6], generation=0)[0]
    dropped = dream(small, dropout=0.5).evaluate(many, [5, 6], generation=0)[0]
    assert not np.allclose(plain, dropped)
    again = dream(small, dropout=0.5).evaluate(many, [5, 6], generation=0)[0]
    np.testing.assert_array_equal(dropped, again)


def test_an_ensemble_of_the_same_m_changes_nothing(small):
    many = params(small, 3)
    alone = dream(small, end="sample").evaluate(many, [5, 6, 7], generation=0)
    twins = dream(small, end="sample", members=[small.mdnrnn] * 2)
    for one, two in zip(alone, twins.evaluate(many, [5, 6, 7], generation=0), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4)


def test_each_member_dreams_its_seeds_and_the_agents_m_stays_the_mind(small):
    torch.manual_seed(7)
    other = MDNRNN(small.mdnrnn.config, 4, 2)
    many, seeds = params(small, 3), [5, 6, 7, 8]
    plain = dream(small).evaluate(many, seeds, generation=0)[0]
    mixed = dream(small, members=[small.mdnrnn, other]).evaluate(many, seeds, generation=0)[0]
    np.testing.assert_allclose(mixed[:, ::2], plain[:, ::2], rtol=1e-4)
    assert not np.isclose(mixed[:, 1::2], plain[:, 1::2]).any()


def test_members_must_be_of_one_size(small):
    wide = MDNRNN(replace(small.mdnrnn.config, hidden=9), 4, 2)
    with pytest.raises(ValueError, match="size"):
        dream(small, members=[wide])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_dream_whose_score_is_no_number_is_named(small, value):
    broken = deepcopy(small.mdnrnn)
    for name, weight in broken.named_parameters():
        if "reward" in name:
            weight.data.fill_(value)
    config = DreamConfig(1.0, "threshold", 1.0, 24, None, 0.0, None, 0.0, "fp32")
    world = DreamWorld(Dynamics(broken, FIRST, config, 2, "cpu", ()), small.controller)
    with pytest.raises(UserError, match=r"A dream of seed 5 .* train_mdnrnn.fit.learning_rate"):
        world.evaluate(params(small, 2), [5, 6], generation=0)
