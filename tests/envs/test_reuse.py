"""An instance that has played before plays as a new one does, where it is kept at all."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import GymVector

CLASSIC = ["CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0"]
ATARI = ["ALE/Pong-v5", "ALE/Breakout-v5"]


def played(vector, seed, steps):
    """Frames, rewards and ends of two random episodes side by side."""
    rng = np.random.default_rng(seed)
    rows = [(vector.reset([seed, seed + 1]),)]
    live = np.arange(2)
    for _ in range(steps):
        action = rng.uniform(-1, 1, (len(live), vector.spec.action_dim)).astype(np.float32)
        rows.append(vector.step(action, live))
        live = live[~(rows[-1][2] | rows[-1][3])]
        if not live.size:
            break
    return rows


def same(first, second):
    assert len(first) == len(second)
    for here, there in zip(first, second, strict=True):
        for a, b in zip(here, there, strict=True):
            assert np.array_equal(a, b)


def config_of(name):
    if name in ATARI:
        gym.register_envs(pytest.importorskip("ale_py"))
    return EnvConfig(id=name, frame_skip=2, max_episode_steps=400)


@pytest.mark.parametrize(
    "name", [*CLASSIC, *(pytest.param(name, marks=pytest.mark.slow) for name in ATARI)]
)
def test_a_kept_instance_plays_as_a_new_one(name):
    config = config_of(name)
    spec = make_spec(config)
    used, steps = GymVector(config, spec), 25 if name in ATARI else 60
    played(used, 0, 3 * steps)
    kept = list(used._envs)
    for seed in (5, 11):
        fresh = GymVector(config, spec)
        same(played(used, seed, steps), played(fresh, seed, steps))
        fresh.close()
    assert all(env is before for env, before in zip(used._envs, kept, strict=True))
    used.close()


def test_others_and_those_in_wrappers_are_built_anew():
    pytest.importorskip("Box2D")
    walker = EnvConfig(id="BipedalWalker-v3", frame_skip=4, max_episode_steps=400)
    cart = replace(config_of("CartPole-v1"), wrappers=(gym.wrappers.RecordEpisodeStatistics,))
    for config in (walker, cart):
        vector = GymVector(config, make_spec(config))
        vector.reset([0])
        before = vector._envs[0]
        vector.reset([1])
        assert vector._envs[0] is not before
        vector.close()
