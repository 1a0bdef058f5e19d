"""TakeCover and other ViZDoom scenarios."""

import time

import gymnasium as gym
import numpy as np
import psutil
import pytest
from gymnasium.utils.env_checker import check_env

from worldmodel.envs.doom import DoomEnv
from worldmodel.parallel import ProcessBackend

pytest.importorskip("vizdoom")


def make(**kwargs):
    return gym.make("worldmodel.envs.doom:DoomTakeCover-v0", **kwargs)


def play(env, seed, action=None):
    """Frames and rewards of a whole episode."""
    obs, _ = env.reset(seed=seed)
    frames, rewards, rng = [obs], [], np.random.default_rng(seed)
    while True:
        chosen = rng.uniform(-1, 1, 1).astype(np.float32) if action is None else action
        obs, reward, terminated, truncated, _ = env.step(chosen)
        frames.append(obs)
        rewards.append(reward)
        if terminated or truncated:
            return np.stack(frames), rewards, terminated


@pytest.mark.parametrize("kwargs", [{}, {"actions": "discrete"}])
def test_it_is_a_gymnasium_environment(kwargs):
    env = make(render_mode="rgb_array", **kwargs)
    check_env(env.unwrapped)
    env.close()


def test_an_episode_follows_from_its_seed_alone():
    env = make()
    first, rewards, terminated = play(env, 3)
    play(env, 4)
    again, _, _ = play(env, 3)
    np.testing.assert_array_equal(first, again)
    assert rewards == [1.0] * len(rewards)
    assert terminated
    other = make()
    np.testing.assert_array_equal(first, play(other, 3)[0])
    env.close()
    other.close()


def test_the_black_frame_of_a_death_is_not_seen():
    env = make()
    frames, _, _ = play(env, 3)
    np.testing.assert_array_equal(frames[-1], frames[-2])
    assert min(frame.std() for frame in frames) > 10
    env.close()


def test_one_number_presses_left_right_or_nothing():
    seen = {}
    for number in (-1.0, -0.3, 0.0, 0.3, 1.0):
        env = make()
        env.reset(seed=1)
        for _ in range(10):
            frame = env.step(np.array([number], np.float32))[0]
        seen[number] = frame
        env.close()
    np.testing.assert_array_equal(seen[-0.3], seen[0.0])
    np.testing.assert_array_equal(seen[0.3], seen[0.0])
    assert not np.array_equal(seen[-1.0], seen[0.0])
    assert not np.array_equal(seen[-1.0], seen[1.0])
    discrete = make(actions="discrete")
    discrete.reset(seed=1)
    for _ in range(10):
        frame = discrete.step(1)[0]
    np.testing.assert_array_equal(frame, seen[1.0])
    discrete.close()


def test_the_time_limit_truncates():
    env = make(max_episode_steps=20)
    _, rewards, terminated = play(env, 3)
    assert len(rewards) == 20
    assert not terminated
    env.close()


def test_a_scenarios_own_timeout_truncates():
    env = DoomEnv("basic")  # 300 tics, and nothing that kills
    env.reset(seed=0)
    steps = 0
    while True:
        _, _, terminated, truncated, _ = env.step(env.action_space.n - 1)
        steps += 1
        if terminated or truncated:
            break
    assert truncated
    assert not terminated
    assert steps < 310
    env.close()


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"scenario": "no_such"}, FileNotFoundError),
        ({"scenario": "basic", "actions": "axis"}, ValueError),
        ({"scenario": "basic", "actions": "mouse"}, ValueError),
    ],
)
def test_bad_arguments_are_refused(kwargs, error):
    with pytest.raises(error):
        DoomEnv(**kwargs)


def make_player():
    """A worker's function that keeps its environment open, and tells which processes it has."""
    env = make()

    def play_a_step(seed):
        env.reset(seed=seed)
        return [child.pid for child in psutil.Process().children(recursive=True)]

    return play_a_step


@pytest.mark.slow
def test_a_worker_that_ends_takes_its_game_along():
    pool = ProcessBackend(1)
    ((_, games),) = pool.map(make_player, [1])
    assert games
    pool.close()
    for _ in range(100):
        left = [pid for pid in games if psutil.pid_exists(pid)]
        if not left:
            return
        time.sleep(0.1)
    for pid in left:
        psutil.Process(pid).kill()
    raise AssertionError("the game went on without its worker")
