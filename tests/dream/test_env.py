"""The dream behind gymnasium's interfaces."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.env import DreamEnv, DreamVectorEnv
from worldmodel.dream.starts import Starts
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.types import EnvSpec

FIRST = Starts.first_frames(
    torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.full((6, 4), -2.0)
)
BOX = EnvSpec("box", (64, 64, 3), (-1.0, 0.0), (1.0, 1.0), None, ("scale", "clip"), 24, 1, None,
              None)  # fmt: skip


def dynamics(small, max_steps=24, end="sample", members=()):
    config = DreamConfig(1.0, end, 1.0, max_steps, None, 0.0, None, 0.0, "fp32")
    return Dynamics(small.mdnrnn, FIRST, config, 2, "cpu", members)


@pytest.mark.parametrize("discrete", [True, False])
def test_the_checker_passes(small, discrete):
    spec = small.spec if discrete else BOX
    check_env(DreamEnv(dynamics(small), spec, small.vae))
    check_env(DreamEnv(dynamics(small), spec), skip_render_check=True)


def test_one_dream_is_a_batch_of_one(small):
    one = DreamEnv(dynamics(small), small.spec)
    many = DreamVectorEnv(dynamics(small), small.spec, 1)
    np.testing.assert_array_equal(one.reset(seed=3)[0], many.reset(seed=3)[0][0])
    for _ in range(5):
        obs, reward, *_ = one.step(1)
        batch, rewards, *_ = many.step(np.array([1]))
        np.testing.assert_array_equal(obs, batch[0])
        assert reward == rewards[0]


def test_the_agent_sees_z_h_and_c(small):
    env = DreamVectorEnv(dynamics(small), small.spec, 3)
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert obs.shape == (3, 4 + 8 + 8)
    assert (obs[:, 4:] == 0).all(), "M has seen nothing yet"
    state = small.mdnrnn.advance(
        torch.from_numpy(obs[:, :4]), torch.eye(2)[[0, 1, 1]], small.mdnrnn.initial_state(3)
    )
    after = env.step(np.array([0, 1, 1]))[0]
    np.testing.assert_allclose(after[:, 4:12], state[0].detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after[:, 12:], state[1].detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("members", [0, 2])
def test_dreams_end_and_start_again_on_their_own(small, members):
    env = DreamVectorEnv(dynamics(small, 24, members=[small.mdnrnn] * members), small.spec, 16)
    env.reset(seed=0)
    steps, over, ended = np.zeros(16, int), np.zeros(16, bool), 0
    for _ in range(40):
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert (reward[over] == 0).all()
        assert (obs[over, 4:] == 0).all(), "a fresh dream"
        assert not (terminated & truncated).any()
        assert not (terminated | truncated)[over].any()
        steps = np.where(over, 0, steps + 1)
        np.testing.assert_array_equal(truncated, (steps == 12) & ~terminated)
        over = terminated | truncated
        ended += terminated.sum()
    assert ended > 3


def test_frames_are_what_v_decodes(small):
    env = DreamVectorEnv(dynamics(small), small.spec, 2, small.vae)
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 2
    assert frames[0].shape == (64, 64, 3)
    assert frames[0].dtype == np.uint8
    assert DreamVectorEnv(dynamics(small), small.spec, 2).render() is None


def test_wrappers_of_gymnasium_fit(small):
    env = gym.wrappers.vector.RecordEpisodeStatistics(
        DreamVectorEnv(dynamics(small, 6, end="threshold"), small.spec, 4)
    )
    env.reset(seed=0)
    for _ in range(3):
        *_, info = env.step(env.action_space.sample())
    assert info["episode"]["l"].tolist() == [3] * 4


def test_a_list_of_seeds_is_refused(small):
    with pytest.raises(ValueError, match="one seed"):
        DreamVectorEnv(dynamics(small), small.spec, 2).reset(seed=[1, 2])


def test_a_reward_of_every_step(small):
    bare = MDNRNN(replace(small.mdnrnn.config, reward_head=False), 4, 2)
    config = DreamConfig(1.0, "threshold", 1.0, 24, None, 0.0, 1.0, 0.0, "fp32")
    env = DreamEnv(Dynamics(bare, FIRST, config, 2, "cpu"), small.spec)
    env.reset(seed=0)
    assert env.step(0)[1] == 2.0
