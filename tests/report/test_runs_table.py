"""The table that puts runs side by side, with all their seeds."""

import json

import pytest
from finished import write_done
from rich.console import Console

from worldmodel.report.runs_table import find_run, run_figures, runs_table
from worldmodel.run.layout import SHIPPED
from worldmodel.types import UserError


def finished(root, **figures):
    """Leave DONE files in <root>/<stage> with these figures, a minute each."""
    for stage, record in figures.items():
        write_done(root / stage, record)


def printed(root, *names):
    console = Console(record=True, width=160)
    runs_table(root, names, console)
    rows = {}
    for line in console.export_text().splitlines():
        cells = [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]
        rows[cells[0]] = cells[1:]
    return rows


@pytest.fixture
def runs(tmp_path):
    for seed, score in enumerate((800.0, 900.0, 1000.0)):
        root = tmp_path / "one" / f"seed{seed}"
        finished(
            root,
            collect={"return_mean": 30.0, "env_steps": 500},
            train_vae={"holdout_recon": 12.5, "holdout_kl": 31.0, "holdout_active_units": 7},
        )
        if seed:
            finished(root, train_controller={"selection_score": score, "env_steps": 1000},
                     evaluate={"mean": score})  # fmt: skip
    for number, score in enumerate((5.0, 6.0)):
        root = tmp_path / "two" / f"round{number}" / "seed4"
        finished(root, collect={"return_mean": 1.0, "env_steps": 10}, evaluate={"mean": score})
    return tmp_path


def test_mean_sd_and_seeds_of_every_run(runs):
    rows = printed(runs, "one", "two")
    assert rows["V recon"] == ["12.5 ± 0", ""]
    assert rows["test score"] == ["950 ± 70.71 (2)", "6"]
    assert rows["V active units"] == ["7 ± 0", ""]
    assert rows["env steps"] == ["1,167 ± 577.4", "20"]
    assert rows["minutes"] == ["3.333 ± 1.155", "4"]
    assert "M nats per dim" not in rows
    assert ["3 seeds", "1 seed"] in rows.values()


def test_a_path_and_a_shipped_agent_are_runs_as_well(runs):
    (seed,) = run_figures(find_run(runs / "elsewhere", str(runs / "two")))
    assert seed["test score"] == 6
    (agent,) = run_figures(find_run(runs, "pretrained/car_racing"))
    card = json.loads((SHIPPED / "car_racing" / "agent.json").read_text())
    assert agent["test score"] == card["stages"]["evaluate"]["figures"]["mean"]
    assert agent["V KL (nats)"] > 0
    told = [card["stages"], *card["before"].values()]
    minutes = sum(stage["minutes"] for stages in told for stage in stages.values())
    assert agent["minutes"] == pytest.approx(minutes)
    # The same by its short name, and after it was evaluated here.
    assert run_figures(find_run(runs, "car_racing")) == [agent]
    played = {"mean": 7.0, "env_steps": 0}
    finished(runs / "pretrained/car_racing/seed0", evaluate=played)
    (here,) = run_figures(find_run(runs, "pretrained/car_racing"))
    assert here["test score"] == 7
    assert here["minutes"] > 100


def test_runs_that_are_not_there(runs, stage):
    with pytest.raises(UserError, match=r"no run 'three' in .*: there are one, two\."):
        find_run(runs, "three")
    (runs / "four" / "seed0" / "collect").mkdir(parents=True)
    with pytest.raises(UserError, match="no finished stage"):
        run_figures(runs / "four")
    outcome = stage("table", "runs=one,three", f"root={runs}")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "There is no run 'three'" in outcome.err
    assert "runs is empty" in stage("table", "runs=[]").err


def test_the_command(runs, stage):
    outcome = stage("table", f"runs=one,{runs / 'two'}", f"root={runs}")
    assert outcome.code == 0, outcome.err
    assert "950 ± 70.71 (2)" in outcome.out
