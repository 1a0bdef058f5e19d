"""A short campaign of kills; `worldmodel faults hours=1` is the long one."""

import pytest

from worldmodel import cli
from worldmodel.faults.campaign import Outcome, save
from worldmodel.faults.cases import CASES
from worldmodel.faults.result import results
from worldmodel.faults.study import kill, study, table
from worldmodel.types import UserError


@pytest.mark.slow
def test_a_killed_command_comes_to_what_it_would_have(tmp_path):
    (outcome,) = kill(tmp_path, 1, 1.0, 1, ["collect"])
    assert outcome.resumed
    assert outcome.different == []
    assert outcome.left == 0


def test_what_differs_is_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "collect").mkdir(parents=True)
        minutes = {"a": 1.0, "b": 2.0}[name]
        line = f'{{"step": 1, "return": 1.0, "rounds/minutes": {minutes}}}\n'
        (tmp_path / name / "collect" / "metrics.jsonl").write_text(line)
    assert results(tmp_path / "a") == results(tmp_path / "b")
    (tmp_path / "b" / "collect" / "metrics.jsonl").write_text('{"step": 1, "return": 2.0}\n')
    assert results(tmp_path / "a") != results(tmp_path / "b")


def test_an_unknown_case_is_refused(tmp_path):
    with pytest.raises(UserError, match="only names"):
        kill(tmp_path, 0, 0.0, 0, ["nothing"])
    with pytest.raises(UserError, match="parts names"):
        study(tmp_path, 0, 0.0, 0, None, ["nothing"])


def test_the_table_counts():
    good = Outcome("encode", 0.5, "command", True, [], 0)
    bad = Outcome("encode", 0.5, "worker", False, ["a/DONE", "b"], 2)
    made = table([good, bad])
    assert [list(column.cells)[-1] for column in made.columns] == [
        "all", "2", "1", "1", "1", "1", "2"
    ]  # fmt: skip


@pytest.mark.slow
def test_no_game_is_left_behind(tmp_path):
    """Neither at a normal end, which comes first, nor after a kill."""
    pytest.importorskip("vizdoom")
    (outcome,) = kill(tmp_path, 48, 1.0, 1, ["collect, Doom, workers"])
    assert (outcome.resumed, outcome.different, outcome.left) == (True, [], 0)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_case_is_a_command(case, capsys):
    cli.main([*case.arguments, "--cfg", "job"])
    assert "seed: 0" in capsys.readouterr().out


def test_a_campaign_goes_on_after_the_last_kill_that_it_kept(tmp_path):
    kept = Outcome("encode", 0.5, "command", True, [], 0)
    save(tmp_path, kept)
    assert kill(tmp_path, 0, 1.0, 1, None) == [kept]
