"""Runs begun on commit 012856f, whose modules and one key had other names, go on.

data/run_of_012856f.json holds what its pipeline left of a run with the overrides in COMMAND: the
config.json that all stages wrote, and of each stage its inputs and its DONE file. What a preset of
today says otherwise fails here: give a new key a place in `compat`, or leave it out where it is
null.
"""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from rich.console import Console

from worldmodel.config import build, compose, to_plain
from worldmodel.run.compat import ADDED, MOVED, current_config, current_target
from worldmodel.run.run import Run
from worldmodel.types import UserError

RECORDED = json.loads((Path(__file__).parent / "data/run_of_012856f.json").read_text())
STAGES = tuple(RECORDED["stages"])
COMMAND = [
    "experiment=tiny", "env=pendulum", "world=dream_anywhere", "world.config.burn_in=4",
    "evaluate.videos=false", "device=cpu", "name=old",
]  # fmt: skip


@pytest.fixture
def begun(tmp_path):
    """begun(stage, change): the run with this stage begun, its config.json changed; the folder."""

    def make(stage, change=lambda config: None):
        for name in STAGES[: STAGES.index(stage)]:
            write(tmp_path / "old/seed0" / name / "DONE", RECORDED["stages"][name]["done"])
        folder = tmp_path / "old/seed0" / stage
        config = deepcopy(RECORDED["config"]) | {
            "made_from": RECORDED["stages"][stage]["made_from"]
        }
        change(config)
        write(folder / "config.json", config)
        (folder / "checkpoints").mkdir()
        return folder

    return make


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def opened(tmp_path):
    """opened(stage, *overrides): the stage as today's command opens it."""

    def make(stage, *overrides):
        config = to_plain(compose(stage, (*COMMAND, f"runs={tmp_path}", *overrides)))
        run = Run(stage, config, Console(width=500))
        run.close()
        return run

    return make


@pytest.mark.parametrize("stage", STAGES)
def test_a_begun_stage_goes_on(begun, opened, stage):
    folder = begun(stage)
    assert not opened(stage).done
    # From here on it is a run of today.
    config = json.loads((folder / "config.json").read_text())
    assert config["world"]["config"]["burn_in"] == 4
    assert not opened(stage).done


@pytest.mark.parametrize("stage", STAGES)
def test_a_finished_stage_is_done(begun, opened, capsys, stage):
    folder = begun(stage)
    write(folder / "DONE", RECORDED["stages"][stage]["done"])
    assert opened(stage).done
    assert "done already" in capsys.readouterr().out
    recorded = json.loads((folder / "config.json").read_text())
    assert recorded["commit"].startswith("012856f")


@pytest.mark.parametrize(
    ("stage", "longer"),
    [("collect", "collect.episodes=5"), ("train_vae", "train_vae.fit.steps=7"),
     ("train_mdnrnn", "train_mdnrnn.fit.steps=7"), ("train_controller", "evolve.generations=3"),
     ("evaluate", "evaluate.episodes=4")],
)  # fmt: skip
def test_a_finished_stage_can_be_extended(begun, opened, capsys, stage, longer):
    write(begun(stage) / "DONE", RECORDED["stages"][stage]["done"])
    assert not opened(stage, longer).done
    key, value = longer.split("=")
    assert f"{key}: {int(value) - 1} → {value}" in capsys.readouterr().out


def test_the_key_of_before_counts_under_its_present_name(begun, opened):
    begun("train_controller")
    with pytest.raises(UserError, match=r"was made with world\.config\.burn_in=4, .* says 5"):
        opened("train_controller", "world.config.burn_in=5")


def test_the_key_of_before_in_a_call(begun, stage, tmp_path):
    begun("train_controller")
    old = [text.replace("burn_in", "watch") for text in COMMAND]
    other = stage("train_controller", *old, f"runs={tmp_path}", "world.config.watch=5")
    assert "was made with world.config.burn_in=4, this call says 5" in other.err
    same = stage("train_controller", *old, f"runs={tmp_path}")
    assert "best.pt is missing" in same.err  # it is this run's call, and there is no V to play with
    for outcome in (other, same):
        assert "world.config.watch is called world.config.burn_in now." in outcome.err


def test_a_class_of_another_name_is_another_configuration(begun, opened):
    def change(config):
        config["env"]["explorer"]["_target_"] = "worldmodel.envs.explore.BrownianNoise"

    begun("collect", change)
    with pytest.raises(UserError, match=r"env\.explorer\._target_=.*BrownianNoise.*ActionRepeat"):
        opened("collect")


@pytest.mark.parametrize("key", ["reward_range", "solved_at", "finished"])
@pytest.mark.parametrize("stage", ["collect", "train_controller", "evaluate"])
def test_what_describes_an_environment_may_differ(begun, opened, stage, key):
    begun(stage, lambda config: config["env"].update({key: "otherwise"}))
    assert not opened(stage).done


@pytest.mark.parametrize("stage", ["collect", "train_controller", "evaluate"])
def test_another_frame_skip_is_another_environment(begun, opened, stage):
    begun(stage)
    with pytest.raises(UserError, match=r"was made with env\.frame_skip=1, this call says 2"):
        opened(stage, "env.frame_skip=2")


def test_what_has_nothing_made_binds_no_one(begun, opened):
    folder = begun("collect")
    (folder / "checkpoints").rmdir()
    assert not opened("collect", "env.frame_skip=2").done


def targets(node):
    """Every node of a configuration that names a class."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)


def test_classes_build_from_where_they_were():
    config = current_config(RECORDED["config"])
    nodes = list(targets(config))
    assert {node["_target_"].rpartition(".")[0] for node in nodes} > {
        "worldmodel.rollout.collect", "worldmodel.rollout.dynamics", "worldmodel.train.mdnrnn"
    }  # fmt: skip
    for node in nodes:
        assert type(build(node)).__name__ == node["_target_"].rpartition(".")[2]


def test_moved_modules_are_named_once():
    assert not MOVED.keys() & set(MOVED.values())
    assert current_target("worldmodel.envs.explore.WhiteNoise") == (
        "worldmodel.envs.explore.WhiteNoise"
    )


@pytest.mark.parametrize("key", sorted(ADDED))
def test_a_key_that_was_not_there_has_the_value_that_it_had_then(begun, opened, key):
    stage = "collect" if key.startswith("collect.") else "train_controller"
    *parents, leaf = key.split(".")

    def forget(config):
        for parent in parents:
            config = config[parent]
        config.pop(leaf, None)

    begun(stage, forget)
    opened(stage)
    then = ADDED[key]
    others = {"best": "mean", 0.3: 0.7}
    other = not then if isinstance(then, bool) else others.get(then, 3)
    with pytest.raises(UserError, match=rf"{key}={then}, this call says {other}"):
        opened(stage, f"{key}={other}")
