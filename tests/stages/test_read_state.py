"""How much of the state V and M know."""

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.envs.state import KeepState
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import read_done
from worldmodel.stages.read_state import explained
from worldmodel.types import UserError

BASE = ("experiment=tiny", "env=cart_pole")


def test_the_state_of_a_rendered_environment_is_what_it_observes(stage, finished, tmp_path):
    finished("train_controller", *BASE)
    outcome = stage("read_state", *BASE, "read.episodes=4")
    assert outcome.code == 0, outcome.err
    assert "R² of" in outcome.out
    folder = tmp_path / "runs/tiny/seed0/read_state"
    summary = read_json(folder / "summary.json")
    assert summary["state"] == ["0", "1", "2", "3"]
    assert all(len(summary[name]) == 4 for name in ("z", "zh", "controller"))
    figures = read_done(folder)["figures"]
    assert figures["z"] == pytest.approx(np.mean(summary["z"]))
    assert max(figures.values()) <= 1
    assert stage("read_state", *BASE, "read.ram=[3]", "name=tiny").code == 1


def test_what_has_no_state_is_refused(stage, finished):
    finished("train_controller", *BASE)
    outcome = stage("read_state", *BASE, "read.ram=[3]")
    assert outcome.code == 1
    assert "no Atari game" in outcome.err
    outcome = stage("read_state", *BASE, "read.episodes=1")
    assert outcome.code == 1
    assert "read.episodes is 1" in outcome.err
    with pytest.raises(UserError, match="no vector of numbers"):
        KeepState("Doom").see(gym.Env(), np.zeros((4, 4, 3), np.uint8))


def test_a_state_is_kept_at_every_step():
    keep = KeepState("CartPole-v1")
    env = keep(gym.make("CartPole-v1"))
    observation, _ = env.reset(seed=1)
    assert np.array_equal(keep.last, observation)
    observation, *_ = env.step(1)
    assert np.array_equal(keep.last, observation)


def test_bytes_of_an_ataris_memory():
    pytest.importorskip("ale_py")
    keep = KeepState("ALE/Breakout-v5", (99, 101, 72))
    env = keep(gym.make("ALE/Breakout-v5"))
    env.reset(seed=1)
    memory = env.unwrapped.ale.getRAM()
    assert keep.last.tolist() == [memory[99], memory[101], memory[72]]
    with pytest.raises(UserError, match="bytes 0 to 127"):
        KeepState("ALE/Breakout-v5", (128,)).see(env, None)


def test_what_is_linear_is_explained():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3))
    state = features @ rng.normal(size=(3, 2))
    state = np.concatenate([state, rng.normal(size=(400, 1)), np.ones((400, 1))], 1)
    found = explained(features, state, np.arange(400) % 2 == 0)
    assert found[:2] == pytest.approx([1, 1], abs=1e-3)
    assert abs(found[2]) < 0.1
    assert found[3] == 0
