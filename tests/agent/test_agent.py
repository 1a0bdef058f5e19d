"""An agent acts on one observation or many, alike, and forgets at a reset."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.agent.agent import Agent
from worldmodel.envs.vector import GymVector
from worldmodel.types import UserError


@pytest.fixture(scope="module")
def frames(small):
    """What three environments show over 12 steps, (12, 3, 64, 64, 3)."""
    env = GymVector(small.env, small.spec)
    seen = [env.reset([1, 2, 3])]
    for step in range(11):
        seen.append(env.step(np.eye(2, dtype=np.float32)[[step % 2] * 3], np.arange(3))[0])
    return np.stack(seen)


@pytest.fixture
def agent(small, frames):
    """Undecided at the mean frame, so that it acts now so, now so."""
    weight = np.random.default_rng(3).normal(0, 9, (2, 12))
    with torch.inference_mode():
        z = small.vae.encode(torch.from_numpy(frames.reshape(-1, 64, 64, 3)))[0].mean(0).numpy()
    bias = -weight[:, :4] @ z
    return small.agent(np.concatenate([weight.ravel(), bias]))


def test_one_by_one_is_many_at_once(agent, frames):
    together = np.stack([agent.act(obs) for obs in frames])
    assert together.shape == (12, 3)
    assert set(np.unique(together)) == {0, 1}, "an agent that always does the same proves nothing"
    for row in range(3):
        agent.reset()
        alone = [agent.act(obs[row]) for obs in frames]
        assert alone == together[:, row].tolist()


def test_without_a_reset_it_remembers(agent, frames):
    playing = agent.rollouts(agent.policy.params[None], 1, [0])
    first = [playing.act(obs[:1], np.arange(1)).argmax() for obs in frames]
    assert [agent.act(obs[0]) for obs in frames] == first
    agent.reset()
    assert [agent.act(obs[0]) for obs in frames] == first
    state = [part.clone() for part in agent._playing._state]
    agent.act(frames[0, 0])
    assert not all((a == b).all() for a, b in zip(state, agent._playing._state, strict=True))


def test_draws_of_z_follow_from_the_seed(small, frames):
    config = replace(small.policy.config, sample_z=True)
    drawing = Agent(small.vae, small.mdnrnn, replace(small.policy, config=config))
    features = []
    for seed in (5, 5, 6):
        drawing.reset(seed)
        drawing.act(frames[0, 0])
        features.append(drawing._playing._features.numpy().copy())
    np.testing.assert_array_equal(features[0], features[1])
    assert not np.array_equal(features[0], features[2])


def test_other_observations_are_refused(agent, frames):
    for obs in (frames[0, 0, ::2], frames[0, 0].astype(np.float32), frames):
        with pytest.raises(ValueError, match="this agent sees uint8"):
            agent.act(obs)
    agent.act(frames[0])
    with pytest.raises(ValueError, match="1 observations after 3: call reset"):
        agent.act(frames[1, 0])
    agent.reset()
    agent.act(frames[1, 0])


def test_a_policy_of_other_sizes_is_refused(small):
    other = replace(small.policy, offset=np.zeros(9, np.float32))
    with pytest.raises(UserError, match="evolved on 9 features, these V and M give 12 of z, h"):
        Agent(small.vae, small.mdnrnn, other)
