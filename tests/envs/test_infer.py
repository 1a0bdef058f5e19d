"""What is inferred of real environments, and that it is the same at every call."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.config import build, compose
from worldmodel.envs.crop_picture import crop_picture
from worldmodel.envs.infer import choose_skip, find_crop, infer
from worldmodel.envs.make import EnvConfig, make_env, make_spec
from worldmodel.types import UserError

HOW = build(compose("collect", []).infer)
OPEN = EnvConfig("", crop="auto")


class Corner(gym.Env):
    """A square wanders in the middle of a wide picture; `landmark` draws a still one far away."""

    action_space = gym.spaces.Discrete(3)
    observation_space = gym.spaces.Box(0, 255, (90, 300), np.uint8)

    def __init__(self, landmark: bool = False) -> None:
        self.landmark = landmark

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 150
        return self._picture(), {}

    def step(self, action):
        self.at = min(max(self.at + 2 * (int(action) - 1), 140), 160)
        return self._picture(), 0.0, False, False, {}

    def _picture(self):
        picture = np.full((90, 300), 30, np.uint8)
        picture[40:50, self.at - 5 : self.at + 5] = 200
        if self.landmark:
            picture[70:75, 280:285] = 90
        return picture


gym.register("Corner-v0", Corner)


class Brief(Corner):
    """Ends by itself after so many steps, of which nobody knows."""

    length = 20

    def reset(self, **kwargs):
        self.left = self.length
        return super().reset(**kwargs)

    def step(self, action):
        self.left -= 1
        obs, reward, _, truncated, info = super().step(action)
        return obs, reward, self.left <= 0, truncated, info


class Limited(Corner):
    """Knows its own limit."""

    max_steps = 450


gym.register("Brief-v0", Brief)
gym.register("Limited-v0", Limited)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "obs", "limit", "skip"),
    [
        ("CartPole-v1", "render", 500, 4),
        ("Pendulum-v1", "render", 200, 2),
        ("Acrobot-v1", "render", 500, 4),
        ("MountainCar-v0", "render", 200, 2),
        ("MountainCarContinuous-v0", "render", 999, 7),
        ("LunarLander-v3", "render", 1000, 7),
        ("BipedalWalker-v3", "render", 1600, 4),
        ("ALE/Pong-v5", "native", 1000, 2),
        ("catch:Catch-v0", "native", 150, 1),
        ("Limited-v0", "native", 450, 3),  # by its own max_steps
        ("Brief-v0", "native", 1000, 1),  # by random episodes
        ("Corner-v0", "native", 1000, 7),  # goes on and on
    ],
)
def test_obs_limit_and_frame_skip(env_id, obs, limit, skip):
    found = infer(replace(OPEN, id=env_id), HOW)
    assert (found.obs, found.max_episode_steps, found.frame_skip) == (obs, limit, skip)
    assert found.sentence.startswith(f"{env_id}: {'observed' if obs == 'native' else 'rendered'}")
    assert f"frame skip {skip}, at most {limit} env steps" in found.sentence
    assert found == infer(replace(OPEN, id=env_id), HOW)


@pytest.mark.parametrize(
    ("limit", "own", "skip"),
    [(24, 1, 1), (100, 1, 1), (151, 1, 2), (1200, 1, 8), (1201, 1, 4), (100, 4, 1), (500, 4, 2),
     (10**6, 2, 2)],
)  # fmt: skip
def test_frame_skip_follows_from_the_length_of_an_episode(limit, own, skip):
    assert choose_skip(limit, own, HOW) == skip


def test_what_is_given_stays():
    config = replace(OPEN, id="CartPole-v1", obs="render", frame_skip=3, max_episode_steps=24)
    found = infer(replace(config, crop_cols=(10, 500)), HOW)
    assert (found.frame_skip, found.max_episode_steps) == (3, 24)
    assert (found.crop_rows, found.crop_cols) == (None, (10, 500))
    assert infer(replace(config, crop=None), HOW).crop_cols is None


@pytest.mark.slow
def test_where_the_pole_can_stand_is_kept():
    """Random play moves the cart little; a good agent up to twice its own reach from the middle."""
    found = infer(replace(OPEN, id="CartPole-v1"), HOW)
    assert found.crop_rows is None
    left, right = found.crop_cols
    assert 60 < left < 150
    assert 450 < right < 540


@pytest.mark.parametrize("env_id", ["MountainCarContinuous-v0", "Acrobot-v1", "LunarLander-v3"])
def test_what_an_agent_may_reach_is_not_cut(env_id):
    found = infer(replace(OPEN, id=env_id), HOW)
    assert (found.crop_rows, found.crop_cols) == (None, None)


def spans(config, **how):
    config = replace(config, obs="native", max_episode_steps=100, frame_skip=1)
    return find_crop(config, make_spec(config), replace(HOW, **how))


def test_a_crop_keeps_a_margin_around_what_varies():
    config = replace(OPEN, id="Corner-v0")
    (top, bottom), (left, right) = spans(config)
    assert 10 <= top <= 15
    assert 75 <= bottom <= 80
    assert 100 <= left <= 115
    assert 185 <= right <= 200
    (top, bottom), cols = spans(config, pad=0)
    assert (top, bottom) == (40, 50)
    assert 134 <= cols[0] < 145
    assert spans(config, gain=0.3)[0] is None, "too little to cut"
    assert spans(config, gain=1.0) == (None, None)
    assert spans(config, change=250) == (None, None), "nothing varies that much"


def test_random_play_is_bounded():
    """By steps and by episodes: a reset may be slow."""
    config = replace(OPEN, id="Corner-v0")
    assert spans(config, episodes=1, play=1, pad=0)[1] == (150 - 5, 150 + 5 + 2)


def test_a_crop_keeps_what_is_drawn_beside_it():
    config = replace(OPEN, id="Corner-v0", kwargs={"landmark": True})
    (top, bottom), (left, right) = spans(config, pad=0)
    assert (top, bottom) == (40, 75)
    assert left >= 134
    assert right == 285


def test_a_picture_of_the_crop():
    config = EnvConfig("Corner-v0", obs="native", crop_cols=(100, 200), frame_skip=1,
                       max_episode_steps=100, explorer=HOW.explorer)  # fmt: skip
    picture = crop_picture(config, make_spec(config))
    whole = round(300 * 256 / 90)
    assert picture.shape == (3 * 256, 2 * (whole + 256), 3)
    red = (picture[:256, :whole] == (255, 0, 0)).all(-1)
    columns = np.flatnonzero(red.all(0))
    assert abs(columns[0] - round(100 * 256 / 90)) <= 2
    assert abs(columns[-1] - round(200 * 256 / 90)) <= 2
    env = make_env(config)
    small, _ = env.reset(seed=0)
    env.close()
    assert (picture[:256:4, whole : whole + 256 : 4] == small).all(), "the still first frame"


@pytest.mark.parametrize(
    ("key", "value"), [("play", 0), ("agent_steps", 0), ("pad", -1.0), ("gain", 1.5)]
)
def test_the_settings_refuse_nonsense(key, value):
    with pytest.raises(UserError, match=rf"infer\.{key} is {value}"):
        build(compose("collect", [f"infer.{key}={value}"]).infer)
