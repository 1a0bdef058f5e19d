"""worldmodel.load: an agent, its environment and its dream, of a run or as it is shipped."""

import json
import shutil

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import worldmodel
from worldmodel.rollout.evaluate import read_episodes
from worldmodel.types import UserError

TINY = ("experiment=tiny", "env=cart_pole", "evaluate.videos=false")


@pytest.fixture(scope="module")
def car():
    return worldmodel.load("car_racing")


def play(agent, env, seed):
    obs, _ = env.reset(seed=seed)
    agent.reset(seed)
    score, over = 0.0, False
    while not over:
        obs, reward, terminated, truncated, _ = env.step(agent.act(obs))
        score, over = score + float(reward), terminated or truncated
    return score


def test_a_run_plays_as_it_was_evaluated(finished, tmp_path, monkeypatch):
    finished("evaluate", *TINY)
    folder = tmp_path / "runs" / "tiny"
    agent = worldmodel.load(folder)
    env = agent.make_env()
    records = read_episodes(folder / "seed0" / "evaluate")
    assert len(records) == 3
    for record in records:
        assert play(agent, env, record["seed"]) == record["score"]
    # A run of rounds is its last round.
    for number in range(2):
        shutil.copytree(folder / "seed0", tmp_path / f"it/round{number}/seed0")
    origin = worldmodel.load(tmp_path / "it").origin
    assert origin.runs / origin.name == tmp_path / "it" / "round1"
    dream = agent.dream(temperature=0.5, end_threshold=1.0, max_steps=5)
    check_env(dream, skip_render_check=True)
    obs, _ = dream.reset(seed=1)
    assert obs.shape == (4 + 2 * 8,)
    ends = [dream.step(0)[2:4] for _ in range(5)]
    assert ends[-1] == (False, True)
    assert dream.render().shape == (64, 64, 3)
    path = folder / "seed0" / "train_controller" / "config.json"
    config = json.loads(path.read_text())
    good = config["env"]
    writes = {"_target_": "worldmodel.run.checkpoint.save_json", "path": "x", "content": 1}
    for change, named in (
        ({"explorer": {"_target_": "os.system", "command": "false"}}, "os.system"),
        ({"explorer": writes}, "save_json"),
        ({"modules": ["evil"]}, "evil"),
        ({"id": "evil:CartPole-v1"}, "evil"),
        ({"wrappers": ["evil.Wrapper"]}, "evil.Wrapper"),
    ):
        path.write_text(json.dumps(config | {"env": good | change}))
        with pytest.raises(UserError, match=rf"names code that is not worldmodel's .*{named}"):
            agent.make_env()
    (tmp_path / "kind.py").write_text("import gymnasium as gym\nWrapper = gym.Wrapper\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = good | {"modules": ["kind"], "wrappers": ["kind.Wrapper"]}
    path.write_text(json.dumps(config | {"env": own}))
    with pytest.raises(UserError, match=r"if it is yours, load\(…, modules=\['kind'\]\)"):
        agent.make_env()
    trusted = worldmodel.load(folder, modules=["kind"])
    trusted.make_env().reset(seed=1)
    trusted.dream().reset(seed=1)
    path.write_text(json.dumps(config | {"env": own | {"modules": ["kind", "evil"]}}))
    with pytest.raises(UserError, match="evil"):
        trusted.make_env()
    path.write_text(json.dumps(config | {"env": good}))
    monkeypatch.chdir("/")
    agent.make_env()


def test_a_shipped_agent_drives(car):
    env = car.make_env()
    obs, _ = env.reset(seed=1)
    score = 0.0
    for _ in range(40):
        action = car.act(obs)
        assert env.action_space.contains(action)
        obs, reward, *_ = env.step(action)
        score += reward
    assert score > 60, "160 env steps; a car that stands still is at -16"


def test_its_dream_begins_at_the_environments_first_frames(car):
    dream = car.dream(max_steps=12)
    assert isinstance(dream, gym.Env)
    obs, _ = dream.reset(seed=3)
    assert obs.shape == (32 + 2 * 256,)
    assert np.isfinite(dream.step(dream.action_space.sample())[1])
    shown = dream.render().astype(float)
    assert np.ptp(shown) > 100


def test_who_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"neither the folder of a run nor a shipped .*take_co"):
        worldmodel.load("nobody")
    (tmp_path / "seed1").mkdir()
    with pytest.raises(UserError, match="no run of seed 0"):
        worldmodel.load(tmp_path)
