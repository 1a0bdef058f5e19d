"""The command line: from any folder, with YAML of the user's own, one run or many."""

import json
import os
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from worldmodel import cli
from worldmodel.compose import compose, current_overrides, jobs
from worldmodel.config import build, take_out, to_plain
from worldmodel.help import commands
from worldmodel.run.layout import SCRIPTS
from worldmodel.types import UserError

TINY = ["experiment=tiny", "env=cart_pole"]


def refused(capfd, *arguments):
    """The sentence with which `worldmodel` refuses these arguments."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize("name", ["2026_11_26", "1.10", "1e5", "007", "true", "0x1f", "-3", "nan"])
def test_a_runs_name_is_a_text(name):
    given = [f"name={name}", f"upstream={name}", f"collect.agent={name}"]
    config = compose("collect", current_overrides(given)[0])
    assert (config.name, config.upstream, config.collect.agent) == (name, name, name)


def test_the_overview_names_every_command(capsys):
    cli.main(["--help"])
    text = capsys.readouterr().out
    for name, what in commands().items():
        assert f"  {name} " in text
        assert what in text
    assert "ship" not in commands()
    cli.main([])
    assert capsys.readouterr().out == text
    cli.main(["--version"])
    assert capsys.readouterr().out.startswith("worldmodel ")


def test_what_does_not_exist_is_one_sentence(capfd, tmp_path):
    assert "did you mean 'collect'" in refused(capfd, "colect")
    assert "--warp" in refused(capfd, "collect", "--warp")
    assert "nowhere is not a folder" in refused(capfd, "collect", "--config-dir", "nowhere")
    assert "'collect.episodes'" in refused(capfd, "collect", "collect.episods=3")
    assert "seed=0,1" in refused(capfd, "collect", "seed=0,1")
    assert "add -m" in refused(capfd, "collect", "seed=0,1")
    assert "add -m" in refused(capfd, "evaluate", "agent=car_racing,take_cover")
    assert "'episodes' can't be read as key=value" in refused(capfd, "collect", "episodes")


@pytest.mark.slow
def test_both_ways_to_call_do_the_same_and_name_themselves(tmp_path):
    def call(*command):
        return subprocess.run(
            [sys.executable, *command, *TINY], cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    module = call("-m", "worldmodel", "train_vae")
    script = call(str(SCRIPTS / "train_vae.py"))
    assert (module.returncode, script.returncode) == (1, 1)
    assert "run `worldmodel collect` with" in module.stderr
    assert "run `python scripts/collect.py` with" in script.stderr
    assert module.stderr.replace("worldmodel collect", "python scripts/collect.py") == script.stderr
    assert not list(tmp_path.iterdir())


def test_a_command_runs_and_leaves_nothing_but_its_run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    cli.main(["collect", *TINY])
    assert "episodes 4" in capfd.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    config = json.loads((tmp_path / "runs/tiny/seed0/collect/config.json").read_text())
    assert "hydra" not in config


def test_cfg_prints_what_would_run(capsys):
    cli.main(["collect", "env=pendulum", "--cfg", "job"])
    shown = OmegaConf.create(capsys.readouterr().out)
    assert shown.name == "pendulum"
    assert shown.train_mdnrnn.windows.holdout_fraction == 0.05


def test_two_compositions_in_one_process_do_not_mix():
    first = compose("collect", ["env=pendulum"])
    second = compose("collect", ["env=cart_pole"])
    assert (first.name, second.name) == ("pendulum", "cart_pole")
    first.seed = 7
    assert compose("collect", ["env=pendulum"]).seed == 0


def test_yaml_of_the_users_own(tmp_path, capsys):
    (tmp_path / "experiment").mkdir()
    mine = tmp_path / "experiment" / "mine.yaml"
    mine.write_text("# @package _global_\nname: mine\ncollect:\n  episodes: 7\n")
    for own in (["--config-dir", str(tmp_path)], [f"hydra.searchpath=[{tmp_path}]"]):
        cli.main(["collect", "experiment=mine", *own, "--cfg", "job"])
        shown = OmegaConf.create(capsys.readouterr().out)
        assert (shown.name, shown.collect.episodes) == ("mine", 7)
    mine.write_text(mine.read_text().replace("7", "8"))
    assert compose("collect", ["experiment=mine"], tmp_path).collect.episodes == 8
    other = f"hydra.searchpath=[{tmp_path / 'other'}]"
    assert compose("collect", ["experiment=mine", other], tmp_path).name == "mine"


def test_keys_of_an_older_name(tmp_path, capsys):
    cli.main(["collect", "world=dream", "world.config.watch=25", "--cfg", "job"])
    said = capsys.readouterr()
    assert OmegaConf.create(said.out).world.config.burn_in == 25
    assert said.err.strip() == "world.config.watch is called world.config.burn_in now."
    assert current_overrides(["+world.config.watch=1", "~seed", "a=b=c"])[0] == [
        "+world.config.burn_in=1", "~seed", "a=b=c"
    ]  # fmt: skip

    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "old.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /world: dream\n"
        "world:\n  config:\n    watch: 9\n"
    )
    old = compose("collect", ["experiment=old"], tmp_path)
    assert old.world.config.burn_in == 9
    build(old.world.config)
    newer = compose("collect", ["experiment=old", "world.config.burn_in=3"], tmp_path)
    assert newer.world.config.burn_in == 3


def test_classes_that_have_moved_build():
    config = compose("collect", ["collect._target_=worldmodel.rollout.collect.CollectConfig"])
    assert build(config.collect) == build(compose("collect", []).collect)
    assert build(to_plain(config)["collect"]) == build(config.collect)


def test_jobs_of_several_values():
    assert jobs(["seed=0,1", "name=x", "vae.z_dim=range(4,6)"]) == [
        ["seed=0", "name=x", "vae.z_dim=4"], ["seed=0", "name=x", "vae.z_dim=5"],
        ["seed=1", "name=x", "vae.z_dim=4"], ["seed=1", "name=x", "vae.z_dim=5"],
    ]  # fmt: skip
    assert jobs(["~vae", "rounds=[[],['a=1,2']]"]) == [["~vae", "rounds=[[],['a=1,2']]"]]
    assert jobs(["ablation=z,full", "seed=0,1"], apart={"ablation"}) == [
        ["ablation=z,full", "seed=0"], ["ablation=z,full", "seed=1"]
    ]  # fmt: skip
    with pytest.raises(UserError, match="list the values"):
        jobs(["seed=interval(0,1)"])


def test_a_list_taken_out_of_overrides():
    assert take_out("keep", ["a=1", "keep=[collect,encode]"]) == (("collect", "encode"), ("a=1",))
    with pytest.raises(UserError, match="write a list"):
        take_out("keep", ["keep=collect"])


@pytest.mark.slow
def test_many_runs_one_after_the_other(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    cli.main(["collect", *TINY, "-m", "seed=0,1"])
    out = capfd.readouterr().out
    assert out.index("[1/2]") < out.index("[2/2]")
    assert out.count("done in") == 2
    assert sorted(path.name for path in (tmp_path / "runs/tiny").iterdir()) == ["seed0", "seed1"]
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    with pytest.raises(SystemExit) as stop:
        cli.main(["train_vae", *TINY, "-m", "seed=2,0"])
    assert stop.value.code == 1
    assert "[2/2]" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ("env=cart_pole,pendulum", "name=tiny_${hydra:runtime.choices.env}"),
        ("evolve.cma.sigma=0.1,0.2", "name=tiny_${evolve.cma.sigma}"),
    ],
)
def test_runs_that_would_share_a_folder_are_refused_before_the_first(
    tmp_path, monkeypatch, capfd, values, name
):
    monkeypatch.chdir(tmp_path)
    told = refused(capfd, "collect", "-m", "experiment=tiny", values)
    assert "would both be the run tiny of seed 0" in told
    assert f"'{name}'" in told
    assert not list(tmp_path.iterdir())
    cli.run_command(
        "collect", lambda *_: None, ["experiment=tiny", values, name, "-m", "--cfg", "job"]
    )
    shown = [OmegaConf.create(text) for text in capfd.readouterr().out.split("---\n")]
    assert len({config.name for config in shown}) == 2
    assert not list(tmp_path.iterdir()), "--cfg job runs nothing"


def test_what_a_yaml_lacks_is_named():
    config = compose("collect", ["experiment=tiny", "~collect.envs"])
    with pytest.raises(UserError, match=r"^collect.envs is missing: add it"):
        build(config.collect)
    config = compose(
        "collect", ["experiment=tiny", "env.explorer._target_=worldmodel.envs.explore.X"]
    )
    with pytest.raises(UserError, match=r"explore.X.*: \w+Error"):
        build(config.env)


@pytest.mark.slow
def test_what_the_terminal_can_not_show_stops_nothing(finished, tmp_path):
    finished("train_vae", *TINY, "train_vae.fit.steps=4")
    done = subprocess.run(
        [sys.executable, "-m", "worldmodel", "train_vae", "train_vae.fit.steps=5", *TINY],
        cwd=tmp_path, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "train_vae.fit.steps: 4 ? 5" in done.stdout.decode("ascii")
