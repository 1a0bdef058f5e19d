"""Explorers."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.seeding import np_random

from worldmodel.envs.explore import (
    ActionRepeat,
    Brownian,
    OrnsteinUhlenbeck,
    RandomController,
    VariedRepeat,
    WhiteNoise,
)
from worldmodel.types import EnvSpec, UserError


def spec(discrete=False, frame_skip=1):
    return EnvSpec(
        id="Toy-v0",
        obs_shape=(64, 64, 3),
        action_low=None if discrete else (-1.0, 0.0, 0.0),
        action_high=None if discrete else (1.0, 1.0, 1.0),
        n_actions=4 if discrete else None,
        squash=() if discrete else ("scale", "scale", "clip"),
        max_episode_steps=1000,
        frame_skip=frame_skip,
        reward_range=None,
        solved_at=None,
    )


def ou(mean=(0.0, 0.3, 0.0), sigma=(2.0, 1.0, 1.0), theta=(2.0, 1.0, 4.0)):
    return OrnsteinUhlenbeck(theta=theta, sigma=sigma, mean=mean, dt=0.02)


CONTINUOUS = [
    WhiteNoise(),
    Brownian(dt=0.02),
    ou(),
    RandomController(scale=0.01, z_dim=32),
    ActionRepeat(WhiteNoise(), low=1, high=10),
    VariedRepeat(WhiteNoise(), low=10, high=300),
]
DISCRETE = [
    WhiteNoise(),
    RandomController(scale=0.01, z_dim=32),
    ActionRepeat(WhiteNoise(), low=1, high=10),
    VariedRepeat(WhiteNoise(), low=10, high=300),
]


def test_actions_do_not_follow_from_where_the_episode_begins():
    """gymnasium makes the environment's own generator from the same seed."""
    unit = replace(spec(), action_low=(0.0,) * 3, action_high=(1.0,) * 3)
    environment = np_random(7)[0].uniform(size=150)
    actions = WhiteNoise()(unit, 7, 50).ravel()
    assert abs(np.corrcoef(environment, actions)[0, 1]) < 0.3


def name(explorer):
    return type(explorer).__name__


@pytest.mark.parametrize("explorer", CONTINUOUS, ids=name)
def test_continuous_actions_keep_to_shape_bounds_and_seed(explorer):
    actions = explorer(spec(), 7, 500)
    assert actions.shape == (500, 3)
    assert actions.dtype == np.float32
    assert (actions >= [-1, 0, 0]).all()
    assert (actions <= 1).all()
    assert np.array_equal(actions, explorer(spec(), 7, 500))
    assert not np.array_equal(actions, explorer(spec(), 8, 500))
    assert (actions.std(0) > 0).all()


@pytest.mark.parametrize("explorer", DISCRETE, ids=name)
def test_discrete_actions_are_one_hot(explorer):
    actions = explorer(spec(discrete=True), 7, 500)
    assert actions.shape == (500, 4)
    assert actions.dtype == np.float32
    assert set(np.unique(actions)) == {0, 1}
    assert (actions.sum(1) == 1).all()
    assert np.array_equal(actions, explorer(spec(discrete=True), 7, 500))


@pytest.mark.parametrize("explorer", [Brownian(dt=0.02), ou()], ids=name)
def test_curves_are_refused_for_discrete_actions(explorer):
    with pytest.raises(UserError, match=f"{name(explorer)}.*Toy-v0"):
        explorer(spec(discrete=True), 0, 10)


def test_white_noise_is_uniform_and_uncorrelated():
    actions = WhiteNoise()(spec(), 0, 20_000)
    assert actions.mean(0) == pytest.approx([0, 0.5, 0.5], abs=0.02)
    assert actions.var(0) == pytest.approx([1 / 3, 1 / 12, 1 / 12], abs=0.01)
    assert abs(np.corrcoef(actions[1:, 0], actions[:-1, 0])[0, 1]) < 0.03


@pytest.mark.parametrize("frame_skip", [1, 4])
def test_ornstein_uhlenbeck_has_its_mean_spread_and_memory_at_any_frame_skip(frame_skip):
    quiet = ou(mean=(0.1, 0.5, 0.5), sigma=(0.4, 0.2, 0.2))
    curves = np.stack([quiet(spec(frame_skip=frame_skip), seed, 500) for seed in range(100)])
    spread = np.array([0.4, 0.2, 0.2]) / np.sqrt(2 * np.array([2, 1, 4]))
    assert curves.mean((0, 1)) == pytest.approx([0.1, 0.5, 0.5], abs=0.02)
    assert curves.std((0, 1)) == pytest.approx(spread, rel=0.07)
    assert curves[:, 0].std(0) == pytest.approx(spread, rel=0.25)  # stationary from the start
    x = curves - [0.1, 0.5, 0.5]
    memory = (x[:, 1:] * x[:, :-1]).mean((0, 1)) / x.var((0, 1))
    expected = np.exp(-np.array([2, 1, 4]) * 0.02 * frame_skip)
    assert memory == pytest.approx(expected, abs=0.02)


def test_ornstein_uhlenbeck_of_the_wrong_length_is_named():
    short = ou(mean=(0.0,), sigma=(1.0,), theta=(1.0,))
    with pytest.raises(UserError, match=r"env\.explorer\.mean has 1 entries"):
        short(spec(), 0, 10)


def test_brownian_moves_by_its_stride():
    wide = EnvSpec(**{**vars(spec()), "action_low": (-99.0,) * 3, "action_high": (99.0,) * 3})
    for skip in (1, 4):
        walk = Brownian(dt=0.02)(EnvSpec(**{**vars(wide), "frame_skip": skip}), 0, 5000)
        assert np.diff(walk, axis=0).var(0) == pytest.approx([0.02 * skip] * 3, rel=0.1)


def test_the_random_controller_differs_in_strength_between_episodes():
    steer = [RandomController(0.01, 32)(spec(), seed, 200)[:, 0] for seed in range(40)]
    jitter = np.array([curve.std() for curve in steer])
    assert jitter.max() > 20 * jitter.min()
    gas = np.array([RandomController(0.01, 32)(spec(), s, 200)[:, 1].mean() for s in range(40)])
    assert np.median(gas) == pytest.approx(0.5, abs=0.05)


def test_actions_are_held_between_low_and_high_steps():
    held = ActionRepeat(WhiteNoise(), low=3, high=6)(spec(), 0, 4000)
    changes = np.flatnonzero((np.diff(held, axis=0) != 0).any(1)) + 1
    holds = np.diff(np.concatenate([[0], changes]))
    assert set(holds.tolist()) == {3, 4, 5, 6}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Brownian(dt=0),
        lambda: ou(theta=(1.0, 1.0)),
        lambda: ou(theta=(0.0, 1.0, 1.0)),
        lambda: ou(sigma=(-1.0, 1.0, 1.0)),
        lambda: RandomController(scale=0, z_dim=32),
        lambda: RandomController(scale=0.01, z_dim=0),
        lambda: ActionRepeat(WhiteNoise(), low=0, high=3),
        lambda: ActionRepeat(WhiteNoise(), low=4, high=3),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match=r"env\.explorer"):
        make()


def longest_hold(actions):
    changed = np.flatnonzero((np.diff(actions, axis=0) != 0).any(1))
    return np.diff(changed, prepend=-1).max()


def test_varied_repeat_holds_short_in_some_episodes_and_long_in_others():
    explorer = VariedRepeat(WhiteNoise(), low=10, high=300)
    longest = np.array([longest_hold(explorer(spec(), seed, 2000)) for seed in range(60)])
    assert longest.min() < 20
    assert longest.max() > 150
    assert longest.max() <= 300
    assert 30 < np.median(longest) < 100, "log-uniform: the median is the geometric mean, 55"


def test_varied_repeat_refuses_bad_bounds():
    with pytest.raises(ValueError, match="low"):
        VariedRepeat(WhiteNoise(), low=10, high=5)
