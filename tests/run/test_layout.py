"""Where things lie: shipped agents play from any folder, and leave their results in runs/."""

import json
from pathlib import Path

import pytest

from worldmodel.run.layout import CONF, SCRIPTS, SHIPPED, find_stage, last_round, shipped_folder
from worldmodel.run.shipped import shipped_agents, with_agent
from worldmodel.types import UserError


def test_the_checkout_and_an_installed_package_have_the_same_three_folders():
    assert (CONF / "base.yaml").exists()
    assert (SCRIPTS / "collect.py").exists()
    assert (SHIPPED / "car_racing" / "agent.json").exists()
    assert shipped_agents() == ["car_racing", "take_cover"]


def test_a_stage_that_a_run_lacks_may_be_a_shipped_agents(tmp_path):
    runs = tmp_path / "runs"
    name = "pretrained/car_racing"
    vae = SHIPPED / "car_racing" / "seed0" / "train_vae"
    assert find_stage(runs, name, 0, "train_vae") == vae
    assert find_stage(runs, name, 1, "train_vae") == runs / name / "seed1" / "train_vae"
    assert find_stage(runs, name, 0, "collect") == runs / name / "seed0" / "collect"
    assert find_stage(runs, "car_racing", 0, "train_vae") == runs / "car_racing/seed0/train_vae"
    assert shipped_folder("pretrained") is None
    own = runs / name / "seed0" / "train_vae"
    own.mkdir(parents=True)
    assert find_stage(runs, name, 0, "train_vae") == own
    # A run upstream of which it is reaches it as well.
    (runs / "mine/seed0/collect").mkdir(parents=True)
    (runs / "mine/seed0/collect/config.json").write_text(json.dumps({"upstream": name}))
    assert find_stage(runs, "mine", 0, "train_mdnrnn") == vae.parent / "train_mdnrnn"


def test_an_agent_is_the_runs_own_or_a_shipped_one(tmp_path):
    needed = ["env=car_racing", "experiment=car_racing", "name=pretrained/car_racing"]
    given = [f"runs={tmp_path}", "device=cpu"]
    for text in ("agent=car_racing", "run=pretrained/car_racing"):
        assert with_agent([text, *given]) == [*needed, *given]
    assert with_agent(["agent=take_cover", "agent=car_racing"]) == needed
    assert with_agent(["collect.agent=x", "seed=1"]) == ["collect.agent=x", "seed=1"]

    own = tmp_path / "pretrained" / "car_racing" / "agent.json"
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps({"overrides": ["env=pong"]}))
    assert with_agent(["agent=car_racing", *given])[0] == "env=pong"
    for text in ("agent=nobody", "run=nobody", "agent="):
        with pytest.raises(UserError, match=r"agent\.json is missing.*agent=car_racing or agent=t"):
            with_agent([text, *given])


@pytest.mark.slow
def test_a_shipped_agent_plays_in_an_empty_folder(stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = stage("evaluate", "agent=car_racing", "evaluate.episodes=1", "evaluate.videos=false",
                    "env.max_episode_steps=40")  # fmt: skip
    assert outcome.code == 0, outcome.err
    root = Path("runs/pretrained/car_racing/seed0")
    assert [path.name for path in root.iterdir()] == ["evaluate"]
    done = json.loads((root / "evaluate" / "DONE").read_text())
    shipped = json.loads((SHIPPED / "car_racing/seed0/train_controller/DONE").read_text())
    assert done["inputs"]["train_controller"] == shipped["id"]


def test_the_last_round_of_a_run(tmp_path):
    for number in (2, 9, 10):
        (tmp_path / f"it/round{number}/seed0/train_controller").mkdir(parents=True)
    (tmp_path / "it/round11/seed0/collect").mkdir(parents=True)
    (tmp_path / "it/rounds/seed0").mkdir(parents=True)
    assert last_round(tmp_path, "it", 0) == "it/round10"
    assert last_round(tmp_path, "it", 1) is None
    assert last_round(tmp_path, "other", 0) is None
