"""Places and a reel: recorded, kept as files, and begun in by the dream."""

import gymnasium
import numpy as np
import pytest
import torch

from worldmodel.dream.places import FILE, STAGE, Places
from worldmodel.envs.make import make_env
from worldmodel.page.starts import FIRST, REEL, WITHIN, Reel, record
from worldmodel.run import checkpoint
from worldmodel.trained import load_agent
from worldmodel.types import UserError

TINY = ["experiment=tiny", "env=cart_pole"]


@pytest.fixture
def recorded(small):
    return record(small.agent(), lambda: make_env(small.env), 3)


def test_the_reel_is_what_the_agent_did(small, recorded):
    _, reel = recorded
    assert reel.frames.shape == (len(reel) + 1, 64, 64, 3)
    with torch.inference_mode():
        mu = small.vae.encode(torch.from_numpy(reel.frames))[0]
    np.testing.assert_allclose(reel.mu, mu, rtol=1e-5)
    assert reel.action.shape == (len(reel), 2)
    assert (reel.action[:, 0] == 1).all()  # C's parameters are zeros: the first action
    assert (reel.reward == 1).all()


def test_places_hold_the_state_of_m_there(small, recorded):
    places, reel = recorded
    assert len(places) == FIRST + WITHIN
    assert len(places.first()) == FIRST
    assert not places.hidden[:FIRST].any()
    state = small.mdnrnn.initial_state(1)
    at = np.linspace(1, len(reel), WITHIN // 2, endpoint=False).astype(int)
    with torch.inference_mode():
        for step in range(at[-1] + 1):
            for row in np.flatnonzero(at == step):
                torch.testing.assert_close(places.hidden[FIRST + row], state[0][0])
                np.testing.assert_array_equal(places.z[FIRST + row], reel.mu[step])
            z, action = reel.mu[step : step + 1], reel.action[step : step + 1]
            state = small.mdnrnn.advance(torch.from_numpy(z), torch.from_numpy(action), state)


def test_the_same_seed_records_the_same(small, recorded):
    again = record(small.agent(), lambda: make_env(small.env), 3)
    assert torch.equal(again[0].z, recorded[0].z)
    np.testing.assert_array_equal(again[1].frames, recorded[1].frames)
    other = record(small.agent(), lambda: make_env(small.env), 4)
    assert not torch.equal(other[0].z, recorded[0].z)


def test_files_hold_what_was_written(recorded, tmp_path):
    places, reel = recorded
    assert places.write(tmp_path / FILE) == (tmp_path / FILE).stat().st_size
    assert reel.write(tmp_path / REEL) == (tmp_path / REEL).stat().st_size
    read = Places.read(tmp_path / FILE, places.z.shape[1], places.hidden.shape[1])
    for name in ("z", "hidden", "cell", "restart"):
        assert torch.equal(getattr(read, name), getattr(places, name))
    found = Reel.read(tmp_path / REEL)
    for name in ("frames", "action", "reward", "mu"):
        np.testing.assert_array_equal(getattr(found, name), getattr(reel, name))


def test_files_of_something_else_are_refused(recorded, tmp_path):
    places, _ = recorded
    places.write(tmp_path / FILE)
    with pytest.raises(UserError, match=f"{FILE}.* export the agent again"):
        Places.read(tmp_path / FILE, places.z.shape[1] + 1, places.hidden.shape[1])
    parts = {"webp": torch.zeros(5, dtype=torch.uint8), "ends": torch.tensor([5])}
    parts |= {"action": torch.zeros(0, 2), "reward": torch.zeros(0), "mu": torch.zeros(1, 4)}
    checkpoint.save_safetensors(tmp_path / REEL, parts)
    with pytest.raises(UserError, match=f"{REEL} is damaged"):
        Reel.read(tmp_path / REEL)


@pytest.mark.slow
def test_an_exported_agent_dreams_without_its_environment(stages, finished, tmp_path, monkeypatch):
    finished("evaluate", *TINY)
    stages("export", *TINY)
    target = tmp_path / "runs" / "pretrained" / "tiny"
    places = Places.read(target / "seed0" / STAGE / FILE, 4, 8)
    monkeypatch.setattr("worldmodel.stages.starts.make_env", None)
    env = load_agent(target).dream(burn_in=3)
    begun = {tuple(env.reset(seed=seed)[0][:4]) for seed in range(60)}
    assert begun <= {tuple(row) for row in places.z.numpy()}
    assert len(begun) > FIRST
    first = load_agent(target).dream(burn_in=None)
    begun = {tuple(first.reset(seed=seed)[0][:4]) for seed in range(60)}
    assert begun <= {tuple(row) for row in places.first().z.numpy()}


@pytest.mark.slow
def test_gymnasium_makes_the_dream_of_an_agent():
    env = gymnasium.make(
        "worldmodel/Dream-v0", agent="take_cover", temperature=0.5, render_mode="rgb_array"
    )
    assert env.metadata["render_fps"] == 35
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert env.render().shape == (64, 64, 3)
    reward = env.step(np.zeros(1, np.float32))[1]
    assert reward == 1
    with pytest.raises(ValueError, match="render_mode is human"):
        gymnasium.make("worldmodel/Dream-v0", agent="take_cover", render_mode="human")
