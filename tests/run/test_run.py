"""Stages that a run lacks are found upstream, over as many runs as it takes."""

import json
import re
import subprocess
import sys
import textwrap

import pytest
from finished import write_done

from worldmodel.run.compat import ADDED
from worldmodel.run.layout import read_done
from worldmodel.run.run import Run
from worldmodel.types import UserError


@pytest.fixture
def runs(tmp_path):
    """Three runs: V was trained in the first, M again in the second, C in the third."""
    for name, stage, upstream in (
        ("a", "train_vae", None),
        ("b", "train_mdnrnn", "a"),
        ("c", "train_controller", "b"),
    ):
        folder = tmp_path / name / "seed0" / stage
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"upstream": upstream}))
        write_done(folder, {}, id=name)
    return tmp_path


def opened(runs, stage, **config):
    return Run(stage, {"runs": str(runs), "seed": 0, **config})


def test_each_stage_comes_from_the_run_that_made_it(runs):
    run = opened(runs, "evaluate", name="d", upstream="c")
    made = {stage: run.of(stage).parent.parent.name
            for stage in ("train_vae", "train_mdnrnn", "train_controller")}  # fmt: skip
    run.close()
    assert made == {"train_vae": "a", "train_mdnrnn": "b", "train_controller": "c"}


def test_other_runs_are_looked_at_in_the_same_way(runs):
    run = opened(runs, "evaluate", name="d", upstream="c")
    run.close()
    assert run.other("c", "train_vae") == runs / "a/seed0/train_vae/checkpoints/best.pt"
    assert run.other("b", "train_mdnrnn", "mean").name == "mean.pt"


def test_inputs_that_changed_are_refused_before_a_stage_is_finished(runs):
    run = opened(runs, "evaluate", name="d", upstream="c")
    run.close()
    before = runs / "c/seed0/train_controller"
    write_done(before, {}, id="anew")
    opened(runs, "evaluate", name="d", upstream="c").close()  # there is no result yet
    (run.folder / "episodes.jsonl").touch()
    write_done(before, {}, id="once more")
    with pytest.raises(UserError, match="made from an older train_controller"):
        opened(runs, "evaluate", name="d", upstream="c")


def test_a_finished_stage_keeps_the_commit_that_made_it(runs):
    run = opened(runs, "evaluate", name="d", upstream="c", evaluate={"episodes": 1})
    run.finish({})
    run.close()
    path = run.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "older"}))
    for episodes, commit in ((1, True), (2, False)):
        opened(runs, "evaluate", name="d", upstream="c", evaluate={"episodes": episodes}).close()
        assert (json.loads(path.read_text())["commit"] == "older") is commit


def test_models_that_do_not_belong_together_are_refused(runs):
    run = opened(runs, "evaluate", name="d", upstream="c")
    run.finish({})
    run.close()
    made = {"train_vae": "a", "train_mdnrnn": "b", "train_controller": "c"}
    assert json.loads((run.folder / "DONE").read_text())["models"] == made
    write_done(runs / "b/seed0/train_mdnrnn", {}, id="b", models={"train_vae": "another"})
    for stage in ("train_controller", "evaluate"):
        with pytest.raises(UserError, match=r"do not belong together: .* another train_vae"):
            opened(runs, stage, name="e", upstream="c")


def test_what_nobody_made_is_missing_where_it_was_asked_for(runs):
    with pytest.raises(UserError, match="encode is not finished"):
        opened(runs, "train_mdnrnn", name="d", upstream="c")


def test_another_logger_is_not_another_configuration(tmp_path):
    first = opened(tmp_path, "collect", name="a", env={"id": "x"}, logger="tensorboard")
    first.checkpoint().parent.mkdir()
    first.checkpoint().touch()
    first.close()
    before = first.folder / "config.json"
    config = json.loads(before.read_text())
    del config["logger"]  # as in runs of earlier versions
    for written in (config, config | {"logger": "mlflow"}):
        before.write_text(json.dumps(written))
        opened(tmp_path, "collect", name="a", env={"id": "x"}, logger="tensorboard").close()
    with pytest.raises(UserError, match=r"env\.id=x"):
        opened(tmp_path, "collect", name="a", env={"id": "y"}, logger="tensorboard")


def test_an_unknown_logger_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="logger is comet"):
        opened(tmp_path, "collect", name="a", logger="comet")
    assert not (tmp_path / "a").exists()


def test_a_run_of_rounds_names_the_last_of_them(runs):
    (runs / "it/round1/seed0/train_controller").mkdir(parents=True)
    with pytest.raises(UserError, match="The run it has rounds: give name=it/round1"):
        opened(runs, "evaluate", name="it")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": "abc"}, "seed is 'abc'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": None}, "seed is None"),
        ({"name": ""}, "name is ''"),
        ({"name": None}, "name is None"),
        ({"name": "."}, "name is '.'"),
        ({"name": ["a"]}, "name is"),
        ({"name": "../out"}, "can't lead out of"),
        ({"name": "/abs"}, "can't lead out of"),
        ({"runs": ""}, "runs is ''"),
    ],
)
def test_a_run_has_a_place_of_its_own(tmp_path, changes, words):
    config = {"runs": str(tmp_path), "name": "a", "seed": 0} | changes
    with pytest.raises(UserError, match=re.escape(words)):
        Run("collect", config)
    assert not list(tmp_path.iterdir())


WHOLE = {
    key.removeprefix("collect."): value for key, value in ADDED.items() if key.startswith("collect")
}


def collected(runs, episodes, make=(), ends=True):
    """A collect stage that makes some files; what its DONE holds afterwards."""
    run = opened(runs, "collect", name="c", collect=WHOLE | {"episodes": episodes})
    if make:
        run.begin()
    for name in make:
        (run.folder / name).write_text(name)
    if ends and not run.done:
        run.finish({"episodes": episodes})
    run.interrupted()
    run.close()
    return read_done(run.folder)


def test_a_finished_stage_stays_finished_until_its_results_change(tmp_path):
    first = collected(tmp_path, 2, ["a", "b"])
    assert collected(tmp_path, 3, ends=False) == first, "refused, or killed before it began"
    assert collected(tmp_path, 2) == first
    assert collected(tmp_path, 3, ["c"], ends=False) is None
    ended = collected(tmp_path, 3)
    assert ended["id"] != first["id"]
    assert ended["grows"] == {"collect.episodes": 3, "collect.frames": None}
    assert ended["minutes"] >= first["minutes"]


def test_the_id_changes_only_where_results_do(tmp_path):
    first = collected(tmp_path, 2, ["a"])
    again = collected(tmp_path, 3)
    assert (again["id"], again["figures"]) == (first["id"], {"episodes": 3})
    run = opened(tmp_path, "collect", name="c", collect=WHOLE | {"episodes": 4})
    run.begin()  # and killed before anything was written
    run.close()
    assert read_done(run.folder) is None
    assert collected(tmp_path, 3)["id"] == first["id"]


def test_what_could_not_be_made_is_made_by_the_same_command(tmp_path, capsys):
    run = opened(tmp_path, "collect", name="c", collect=WHOLE | {"episodes": 2})
    run.finish({"episodes": 2}, ["best.mp4"])
    run.close()
    assert "without best.mp4" in capsys.readouterr().out
    assert collected(tmp_path, 2, ends=False) is not None, "the score stands meanwhile"
    collected(tmp_path, 2)
    assert "making what is missing (best.mp4)" in capsys.readouterr().out
    collected(tmp_path, 2)
    assert "done already" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b'{"id": "a", "figu', b"\x80\xff", b"[1]", b"[" * 9999])
@pytest.mark.parametrize("name", ["DONE", "config.json"])
def test_a_damaged_file_is_named(runs, name, content):
    path = runs / "c/seed0/train_controller" / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is damaged \(.+\): delete it and run train_con"):
        opened(runs, "evaluate", name="d", upstream="c")
    path.unlink()
    if name == "DONE":
        with pytest.raises(UserError, match="is not finished"):
            opened(runs, "evaluate", name="d", upstream="c")


def test_a_damaged_count_of_minutes_is_no_reason_to_stop(tmp_path):
    run = opened(tmp_path, "collect", name="c", collect=WHOLE | {"episodes": 2})
    (run.folder / "partial.json").write_text("{")
    run.finish({})
    run.close()
    assert read_done(run.folder)["minutes"] < 1


def test_one_process_at_a_time_writes_a_folder(tmp_path):
    code = """
        import sys, time
        from worldmodel.run.run import Run
        run = Run("collect", {"runs": sys.argv[1], "name": "c", "seed": 0})
        print("open", flush=True)
        time.sleep(1000)
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"open\n"
    said = rf"c/seed0/collect is being written by another process \(number {other.pid}\)"
    with pytest.raises(UserError, match=said):
        opened(tmp_path, "collect", name="c")
    other.kill()
    other.wait()
    opened(tmp_path, "collect", name="c").close()


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    folder = tmp_path / "c/seed0/collect"
    (folder / "checkpoints").mkdir(parents=True)
    left = [folder / ".DONE.1a2b3c4d.tmp", folder / "checkpoints" / ".last.pt.1a2b3c4d.tmp",
            folder / ".best.mp4.tmp.mp4"]  # fmt: skip
    kept = [folder / "checkpoints" / "last.pt", folder / "notes.tmp"]
    for path in (*left, *kept):
        path.touch()
    opened(tmp_path, "collect", name="c").close()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
