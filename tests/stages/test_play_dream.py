"""C and a person in the dream."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from recorder import Recorder

from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.env import DreamEnv
from worldmodel.dream.starts import Starts
from worldmodel.stages.play_dream import (
    PlayDreamConfig,
    acts_by,
    film,
    play_in_a_window,
    steer,
)
from worldmodel.types import EnvSpec, UserError

CAR = EnvSpec("car", (64, 64, 3), (-1.0, 0.0, 0.0), (1.0, 1.0, 1.0), None,
              ("scale", "scale", "clip*0.2"), 24, 1, None, None)  # fmt: skip


@pytest.fixture
def env(small):
    generator = torch.Generator().manual_seed(0)
    first = Starts.first_frames(torch.randn(6, 4, generator=generator), torch.full((6, 4), -2.0))
    config = DreamConfig(1.0, "threshold", 1.0, 8, None, 0.0, None, 0.0, "fp32")
    return DreamEnv(Dynamics(small.mdnrnn, first, config, 1, "cpu"), small.spec, small.vae)


def test_c_acts_in_the_dream_by_its_own_arithmetic(small, env):
    params = torch.randn(small.controller.n_params, generator=torch.Generator().manual_seed(2))
    act = acts_by(small.policy.with_params(params.numpy()), z_dim=4)
    weight, bias = params[:-2].view(2, 12).numpy(), params[-2:].numpy()
    chosen = []
    for seed in range(20):
        env.reset(seed=seed)
        obs, *_ = env.step(seed % 2)
        chosen.append(int(act(obs)))
        assert chosen[-1] == (weight @ obs[:12] + bias).argmax()
    assert set(chosen) == {0, 1}


def test_a_film_of_every_dream(small, env, tmp_path):
    act = acts_by(small.policy, z_dim=4)
    figures = film(env, act, PlayDreamConfig(episodes=2, human=False), Recorder(tmp_path))
    assert figures["steps"] == 8
    for index in range(2):
        shown = cv2.VideoCapture(str(tmp_path / f"{index}.mp4"))
        assert shown.get(cv2.CAP_PROP_FRAME_COUNT) == 9


def test_keys():
    none, digits = [False] * 4, [False] * 10
    np.testing.assert_array_equal(steer(CAR, none, digits), [0, 0, 0])
    np.testing.assert_array_equal(steer(CAR, [True, False, True, False], digits), [-1, 1, 0])
    np.testing.assert_allclose(steer(CAR, [False, True, False, True], digits), [1, 0, 0.2])
    four = replace(CAR, action_low=None, action_high=None, n_actions=4, squash=())
    assert steer(four, none, digits) == 0
    assert steer(four, none, [digit == 3 for digit in range(10)]) == 3


def test_a_window(env, tmp_path, monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    run = Recorder(tmp_path)
    play_in_a_window(env, PlayDreamConfig(episodes=2, human=True), run)
    assert len(run.said) == 2
    pygame.display.init()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))
    play_in_a_window(env, PlayDreamConfig(episodes=2, human=True), run)
    assert len(run.said) == 3
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "offscreen")
    with pytest.raises(UserError, match="needs a display: leave it out"):
        play_in_a_window(env, PlayDreamConfig(episodes=1, human=True), run)
    monkeypatch.undo()
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such thing")
    with pytest.raises(UserError, match="needs a display"):
        play_in_a_window(env, PlayDreamConfig(episodes=1, human=True), run)


def test_without_encoded_episodes_dreams_begin_at_first_frames(stages, finished, tmp_path):
    """So they do for an agent that was exported, which has none; a search may not."""
    tiny = ("experiment=tiny", "env=cart_pole")
    root = finished("train_controller", *tiny)
    shutil.rmtree(root / "encode")
    stages("play_dream", *tiny, "play.episodes=1")
    assert (root / "play_dream" / "0.mp4").exists()
