"""Our CarRacing beside gymnasium's: the same game, other ways to draw it."""

import itertools

import gymnasium as gym
import numpy as np
import pytest

import worldmodel.envs.car_racing  # noqa: F401  registers the id
from worldmodel.envs.wrappers import FrameSkip

BAR = 84  # rows above the indicators


def make(draw=None, skip=None):
    name = "CarRacing-v3" if draw is None else "worldmodel/CarRacing-v3"
    kwargs = {} if draw is None else {"draw": draw}
    env = gym.make(name, disable_env_checker=True, **kwargs)
    return env if skip is None else FrameSkip(env, skip, on_demand=draw is not None)


def drive(env, steps, seed=3):
    """Frames (steps + 1, 96, 96, 3) and rewards of a winding drive that leaves the road."""
    frames, rewards = [env.reset(seed=seed)[0]], []
    for step in range(steps):
        action = np.array([0.3 * np.sin(step / 4) - 0.05, 0.4, 0], np.float32)
        frame, reward, *_ = env.step(action)
        frames.append(frame)
        rewards.append(reward)
    env.close()
    return np.stack(frames), np.array(rewards)


def test_drawn_as_the_original_every_frame_is_the_originals():
    frames, rewards = drive(make(), 12)
    ours, our_rewards = drive(make("original"), 12)
    assert np.array_equal(rewards, our_rewards)
    assert np.array_equal(frames, ours)


def test_on_demand_they_are_the_originals_long_after_the_first_second():
    frames, rewards = drive(make(skip=8), 20)
    ours, our_rewards = drive(make("original", skip=8), 20)
    assert np.array_equal(rewards, our_rewards)
    assert np.array_equal(frames, ours)


def test_on_demand_only_the_last_of_the_repeats_is_drawn_and_it_is_the_originals():
    frames, rewards = drive(make(skip=4), 4)
    env = make("original", skip=4)
    looks, look = [], env.unwrapped.look
    env.unwrapped.look = lambda: looks.append(1) or look()
    ours, our_rewards = drive(env, 4)
    assert np.array_equal(rewards, our_rewards)
    assert np.array_equal(frames, ours)
    assert len(looks) == len(frames)


def test_the_fast_drawing_shows_the_same_scene():
    frames, rewards = drive(make(skip=8), 20)
    ours, our_rewards = drive(make("fast", skip=8), 20)
    assert np.array_equal(rewards, our_rewards)
    off = np.abs(frames.astype(float) - ours)
    assert off[:, :BAR].mean((1, 2, 3)).max() < 1.5  # of 255; the first second zooms in
    assert off[-10:, :BAR].mean() < 0.6
    assert (off[-10:, :BAR].max(-1) > 40).mean() < 0.01
    # The indicators, but for the number in the left corner.
    assert off[-10:, BAR:, 15:].mean() < 3
    assert frames[-10:, BAR:, 15:].std() > 20


def test_the_fast_drawing_takes_the_colours_of_the_game():
    same = []
    for seed in (1, 2):
        looks = []
        for name in ("CarRacing-v3", "worldmodel/CarRacing-v3"):
            env = gym.make(name, disable_env_checker=True, domain_randomize=True)
            looks.append(env.reset(seed=seed)[0][:BAR].astype(float).mean((0, 1)))
            env.close()
        assert np.abs(looks[0] - looks[1]).max() < 2
        same.append(looks[1])
    assert np.abs(same[0] - same[1]).max() > 10


def test_a_game_that_nobody_wraps_draws_every_step():
    env = make("fast")
    frames, _ = drive(env, 6)
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(frames))


def test_films_are_drawn_as_ever():
    env = gym.make("worldmodel/CarRacing-v3", render_mode="rgb_array", disable_env_checker=True)
    env.reset(seed=0)
    assert env.render().shape == (400, 600, 3)
    env.close()


def test_unknown_drawings_are_refused():
    with pytest.raises(ValueError, match="fast or original"):
        make("quick")
