"""What a call leaves open of its environment is settled once, and every stage sees the same."""

import json

import pytest

from worldmodel.config import build, compose, settle, to_plain
from worldmodel.types import UserError

CAR = ["env=gym", "env.id=MountainCar-v0"]
STAGES = "train_vae encode train_mdnrnn train_controller evaluate"
SETTLED = {"obs": "render", "crop": None, "crop_rows": None, "crop_cols": None,
           "frame_skip": 2, "max_episode_steps": 200}  # fmt: skip


def settled(*overrides, command="collect"):
    config = compose(command, overrides)
    settle(config, build)
    return config


def record(tmp_path, stage="collect", name="mine", **env):
    """A stage that has made something, with this environment in its config.json."""
    folder = tmp_path / name / "seed0" / stage
    (folder / "episodes").mkdir(parents=True)
    whole = to_plain(compose("collect", CAR))["env"] | SETTLED
    (folder / "config.json").write_text(json.dumps({"env": whole | env}))


def test_numbers_take_the_place_of_what_is_open(tmp_path, capsys):
    config = settled(*CAR, f"runs={tmp_path}")
    assert {key: config.env[key] for key in SETTLED} == SETTLED
    assert config.env.explorer == config.infer.explorer
    assert config.inferred == ["obs", "crop", "frame_skip", "max_episode_steps", "explorer"]
    assert config.name == "MountainCar-v0"
    assert capsys.readouterr().out == (
        "MountainCar-v0: rendered pictures, whole, frame skip 2, at most 200 env steps, "
        "3 actions.\n"
    )
    assert settled(*CAR, f"runs={tmp_path}") == config


@pytest.mark.parametrize("env", ["cart_pole", "car_racing", "take_cover", "pong"])
def test_a_file_that_says_all_stays_as_it_is(env, capsys):
    assert settled(f"env={env}") == compose("collect", [f"env={env}"])
    assert capsys.readouterr().out == ""


def test_rows_or_columns_take_the_place_of_a_crop():
    config = settled("env=gym", "env.id=CartPole-v1", "env.crop_rows=[100,330]")
    assert (config.env.crop, config.env.crop_rows) == (None, [100, 330])
    assert config.env.crop_cols is None


def test_an_earlier_stage_of_the_run_comes_first(tmp_path, capsys):
    record(tmp_path, frame_skip=5, crop_rows=[3, 300])
    record(tmp_path, name="other", frame_skip=6)
    capsys.readouterr()
    config = settled(*CAR, f"runs={tmp_path}", "name=mine", "start=other")
    assert (config.env.frame_skip, config.env.crop_rows) == (5, [3, 300])
    assert capsys.readouterr().out == "", "nothing is played"
    config = settled(*CAR, f"runs={tmp_path}", "name=mine", "env.frame_skip=1")
    assert (config.env.frame_skip, config.env.crop_rows) == (1, [3, 300])


@pytest.mark.parametrize("key", ["upstream", "start", "collect.agent", "collect.replay"])
def test_then_the_runs_that_it_goes_on_from(tmp_path, key):
    record(tmp_path, name="other/round0", frame_skip=6, crop_cols=[7, 500])
    config = settled(*CAR, f"runs={tmp_path}", "name=mine", f"{key}=other/round0")
    assert (config.env.frame_skip, config.env.crop_cols) == (6, [7, 500])


@pytest.mark.parametrize(
    "other", [{"id": "CartPole-v1"}, {"kwargs": {"goal_velocity": 1}}, {"wrappers": ["a.B"]}]
)
def test_a_record_of_other_pictures_tells_nothing(tmp_path, other):
    record(tmp_path, frame_skip=5, **other)
    config = settled(*CAR, f"runs={tmp_path}", "name=mine")
    assert config.env.frame_skip == 2


WRITES = {"_target_": "worldmodel.envs.explore.np.save", "file": "x", "arr": 1}


@pytest.mark.parametrize(
    "explorer",
    [{"_target_": "os.system", "command": "true"}, WRITES,
     {"_target_": "worldmodel.envs.explore.ActionRepeat", "explorer": WRITES, "low": 1, "high": 2}],
)  # fmt: skip
def test_a_record_can_name_no_code(tmp_path, explorer):
    record(tmp_path, explorer=explorer, frame_skip=5)
    config = settled(*CAR, f"runs={tmp_path}", "name=mine")
    assert config.env.explorer == config.infer.explorer
    assert config.env.frame_skip == 5
    ours = {"_target_": "worldmodel.envs.explore.WhiteNoise"}
    record(tmp_path, name="ours", explorer=ours)
    assert settled(*CAR, f"runs={tmp_path}", "name=ours").env.explorer == ours


def test_what_has_made_nothing_tells_nothing(tmp_path):
    record(tmp_path, frame_skip=5)
    (tmp_path / "mine/seed0/collect/episodes").rmdir()
    assert settled(*CAR, f"runs={tmp_path}", "name=mine").env.frame_skip == 2


def test_an_environment_needs_an_id(stage):
    outcome = stage("collect", "env=gym")
    assert outcome.code == 1
    assert outcome.err == (
        "error: env.id is null: name an environment, such as env=gym env.id=Acrobot-v1.\n"
    )


@pytest.mark.parametrize("command", ["collect", "pipeline", "iterate", "evaluate"])
def test_a_file_of_one_environment_is_not_carried_over_to_another(command):
    with pytest.raises(UserError, match=r"env=cart_pole is CartPole-v1.*env=gym env\.id=Acrobot"):
        compose(command, ["env=cart_pole", "env.id=Acrobot-v1", "name=x", "runs=/nowhere"])
    assert compose(command, ["env=cart_pole", "env.id=CartPole-v1", "name=x"])


def test_a_run_that_carried_it_over_before_goes_on(tmp_path):
    record(tmp_path)
    given = ["env=cart_pole", "env.id=MountainCar-v0", f"runs={tmp_path}"]
    assert compose("collect", [*given, "name=mine"]).env.id == "MountainCar-v0"
    with pytest.raises(UserError, match="env=cart_pole is CartPole-v1"):
        compose("collect", [*given, "name=another"])


def test_an_own_file_needs_only_what_differs(tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env/hill.yaml").write_text("# A car in a valley.\nid: MountainCar-v0\n")
    config = compose("collect", ["env=hill", f"runs={tmp_path}"], tmp_path)
    settle(config, build)
    assert {key: config.env[key] for key in SETTLED} == SETTLED
    assert config.name == "hill"


@pytest.mark.parametrize(
    ("limit", "given", "dreams"),
    [(500, (), (500, None, 0.0)), (600, (), (600, None, 0.0)), (601, (), (600, 10, 0.25)),
     (1600, ("infer.dream_steps=null",), (1600, None, 0.0)),
     (1600, ("world.config.max_steps=8",), (8, None, 0.0)),
     (1600, ("world.config.burn_in=3",), (1600, 3, 0.0))],
)  # fmt: skip
def test_dreams_of_long_episodes_are_short_and_begin_anywhere(tmp_path, limit, given, dreams):
    known = ["env.obs=render", "env.crop=null", "env.frame_skip=4",
             f"env.max_episode_steps={limit}", f"runs={tmp_path}"]  # fmt: skip
    config = compose("collect", ["experiment=short", "env.id=CartPole-v1", *known, *given])
    settle(config, build)
    dream = config.world.config
    assert (dream.max_steps, dream.burn_in, dream.first_share) == dreams


@pytest.mark.slow
def test_all_stages_of_a_run_see_the_same(stage, tmp_path):
    given = [*CAR, "experiment=tiny", "name=car"]
    first = stage("collect", *given)
    assert first.code == 0, first.err
    assert "MountainCar-v0: rendered pictures" in first.out
    assert (tmp_path / "runs/car/seed0/collect/crop.png").stat().st_size > 1000
    for name in STAGES.split():
        outcome = stage(name, *given)
        assert outcome.code == 0, outcome.err
        assert "rendered pictures" not in outcome.out, "what is known is not played again"
    configs = [
        json.loads(path.read_text()) for path in tmp_path.glob("runs/car/seed0/*/config.json")
    ]
    assert len(configs) == 6
    assert all(config["env"] == configs[0]["env"] for config in configs)
    assert configs[0]["env"]["frame_skip"] == 1, "by the short episodes of experiment=tiny"

    before = ("start=car", "collect.agent=car", "collect.replay=car")  # as a round has them
    later = stage("collect", *CAR, "experiment=tiny", "name=later", *before)
    assert later.code == 0, later.err
    assert "rendered pictures" not in later.out
    path = tmp_path / "runs/later/seed0/collect/config.json"
    assert json.loads(path.read_text())["env"] == configs[0]["env"]


def test_a_preset_for_another_environments_explorer_is_a_sentence(stage):
    outcome = stage("collect", *CAR, "experiment=quickstart", "collect.episodes=1")
    assert outcome.code == 1
    assert "env.explorer is {'sigma': [0.6, 0.14, 0.1]" in outcome.err
    assert "name it by _target_" in outcome.err


def test_every_id_names_a_run_of_its_own():
    names = [compose("collect", ["env=gym", f"env.id={one}"]).name
             for one in ("Acrobot-v1", "ALE/Pong-v5", "catch:Catch-v0")]  # fmt: skip
    assert names == ["Acrobot-v1", "ALE_Pong-v5", "Catch-v0"]
    assert compose("collect", ["env=gym"]).name == "gym"
    assert compose("collect", []).name == "car_racing"


@pytest.mark.parametrize("command", ["play_dream", "benchmark"])
def test_commands_that_are_no_stages_settle_it_too(stage, command):
    """They get as far as what they lack: V, or a choice that exists."""
    outcome = stage(command, *CAR, *(["benchmark.only=[none]"] if command == "benchmark" else []))
    assert outcome.code == 1
    assert ("is not finished" in outcome.err) == (command == "play_dream")
    assert "MountainCar-v0: rendered pictures" in outcome.out
