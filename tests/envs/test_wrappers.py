"""Crop and resize."""

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.envs.wrappers import CropResize, crop_resize
from worldmodel.types import UserError


def frames(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_batch_is_cropped_frame_by_frame():
    many = frames(3, 96, 96, 3)
    one_by_one = np.stack([crop_resize(frame, (0, 84), (5, 90), 64) for frame in many])
    assert np.array_equal(crop_resize(many, (0, 84), (5, 90), 64), one_by_one)


def test_area_averaging_has_a_closed_form_for_whole_ratios():
    frame = frames(8, 12, 3)
    blocks = frame[4:8, 4:8].reshape(2, 2, 2, 2, 3).astype(float).mean((1, 3))
    assert np.abs(crop_resize(frame, (4, 8), (4, 8), 2) - blocks).max() <= 0.5


def test_without_a_crop_a_frame_of_the_right_size_is_unchanged():
    frame = frames(64, 64, 3)
    assert np.array_equal(crop_resize(frame, None, None, 64), frame)


def test_grey_becomes_three_equal_channels():
    grey = frames(2, 84, 84, 1)
    out = crop_resize(grey, None, None, 64)
    assert out.shape == (2, 64, 64, 3)
    assert np.array_equal(out[..., 0], out[..., 2])
    assert out[..., 0].std() > 0


class GreyEnv(gym.Env):
    observation_space = gym.spaces.Box(0, 255, (84, 84), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return frames(84, 84), {}


def test_the_wrapper_takes_grey_frames_without_a_channel():
    env = CropResize(GreyEnv(), (0, 42), None, 64)
    obs, _ = env.reset()
    assert np.array_equal(obs, crop_resize(frames(84, 84)[..., None], (0, 42), None, 64))
    assert env.observation_space.contains(obs)


def test_a_crop_outside_the_frame_is_refused():
    with pytest.raises(UserError, match=r"env\.crop_cols=\[0, 97\].*96"):
        crop_resize(frames(96, 96, 3), None, (0, 97), 64)
