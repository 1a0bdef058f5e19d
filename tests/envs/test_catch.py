"""The catching game that the documentation shows: what random play and perfect play score."""

import gymnasium as gym
import numpy as np
import pytest

GYM_ID = "catch:Catch-v0"


def scores(policy, episodes):
    env = gym.make(GYM_ID)
    found = []
    for seed in range(episodes):
        env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, _ = env.step(policy(env.unwrapped))
            total, over = total + reward, terminated or truncated
        found.append(total)
    return np.array(found)


def test_perfect_play_catches_every_ball():
    def chase(game):
        away = game.column - game.paddle
        return 1 + int(np.sign(away)) * (abs(away) > 2)

    assert (scores(chase, 20) == 10).all()


def test_random_play_misses_most():
    draw = np.random.default_rng(0)
    assert scores(lambda _: int(draw.integers(3)), 100).mean() == pytest.approx(-5.8, abs=0.7)
