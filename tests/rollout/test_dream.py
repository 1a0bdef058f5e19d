"""The dream as a world: batched, seeded, ended by its own head."""

import numpy as np
import pytest
import torch

from worldmodel.rollout.dream import DreamConfig, DreamWorld

FIRST = (torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.full((6, 4), -2.0))


def dream(small, temperature=1.0, end_threshold=1.0, max_steps=24):
    config = DreamConfig(temperature, end_threshold, max_steps)
    return DreamWorld(small.mdnrnn, small.controller, FIRST, config, frame_skip=2)


def params(small, count):
    rng = np.random.default_rng(1)
    return rng.normal(0, 1, (count, small.controller.n_params)).astype(np.float32)


def test_shapes_cap_and_env_steps(small):
    returns, lengths = dream(small).evaluate(params(small, 3), [5, 6], training=True)
    assert returns.shape == lengths.shape == (3, 2)
    assert (lengths == 24).all(), "12 agent steps of 2 env steps: a threshold of 1 never ends"
    assert np.isfinite(returns).all()


def test_same_seeds_same_dream_other_seeds_another(small):
    many = params(small, 2)
    first = dream(small).evaluate(many, [5, 6], training=True)[0]
    np.testing.assert_array_equal(first, dream(small).evaluate(many, [5, 6], training=True)[0])
    assert not np.array_equal(first, dream(small).evaluate(many, [7, 8], training=True)[0])


def test_candidates_share_their_starts(small):
    world = dream(small)
    start = world._start([5, 6])
    assert torch.equal(start, world._start([5, 6]))
    twins = np.repeat(params(small, 1), 2, 0)
    calm = dream(small, temperature=0.0).evaluate(twins, [5, 6], training=True)[0]
    np.testing.assert_allclose(calm[0], calm[1], rtol=1e-5)


def test_reward_is_counted_until_the_end_and_not_beyond(small):
    threshold = 0.0001  # the untrained head is far above it, so every dream ends at once
    returns, lengths = dream(small, 0.0, threshold).evaluate(params(small, 2), [5], training=True)
    assert (lengths == 2).all()
    once = dream(small, 0.0, 1.0, max_steps=2).evaluate(params(small, 2), [5], training=True)[0]
    np.testing.assert_allclose(returns, once, rtol=1e-5)


def test_one_step_by_hand(small):
    world, one = dream(small, 0.0, 1.0, max_steps=2), params(small, 1)
    z, state = world._start([5]), small.mdnrnn.initial_state(1)
    with torch.inference_mode():
        x = torch.cat([z, state[0]], 1)[0].numpy()
        action = np.eye(2, dtype=np.float32)[
            (one[0, :-2].reshape(2, 12) @ x + one[0, -2:]).argmax()
        ]
        state = small.mdnrnn.advance(z, torch.from_numpy(action)[None], state)
        expected = small.mdnrnn.predict(state[0]).reward
    np.testing.assert_allclose(
        world.evaluate(one, [5], training=True)[0][0, 0], float(expected), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("key", "values"), [("temperature", (-1.0, 0.5, 3)), ("end_threshold", (1.0, 0.0, 3))]
)
def test_bad_numbers_name_the_key(key, values):
    with pytest.raises(ValueError, match=key):
        DreamConfig(*values)
