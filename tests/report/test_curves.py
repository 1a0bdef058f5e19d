"""Learning curves: what had been spent by every score, over all rounds, and the picture."""

import json

import pytest
from finished import write_done

from worldmodel.report.curves import try_to_plot
from worldmodel.report.history import Spent, read_history
from worldmodel.run.log import Log
from worldmodel.types import UserError

CONFIG = {"env": {"solved_at": 900}, "evolve": {"selection_episodes": 16}}


def finish(folder, minutes, name="id", inputs=None, **figures):
    write_done(folder, figures, id=name, inputs=inputs or {}, minutes=minutes)


def learn(root, dream=False, config=CONFIG):
    """Collect 1000 steps in a minute, train V and M in 5, and evolve for four generations."""
    finish(root / "collect", 1.0, env_steps=1000)
    finish(root / "train_vae", 2.5)
    finish(root / "encode", 0.5)
    finish(root / "train_mdnrnn", 2.0)
    folder = root / "train_controller"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    lines = []
    for generation in (1, 2, 3, 4):
        spent = {"env_steps": 100.0 * generation, "dream_steps": 7.0, "minutes": 1.5 * generation}
        lines.append({"step": generation, "fitness/mean": 1.0} | spent)
        if generation % 2 == 0:
            score = {"selection/mean": 50.0 * generation, "selection/sd": 20.0}
            inside = {"dream/mean": 300.0, "dream/sd": 40.0} if dream else {}
            lines.append({"step": generation} | score | inside)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def spent(scores):
    return [(score.after.env_steps, score.after.minutes) for score in scores]


@pytest.fixture
def run(tmp_path):
    """Two finished rounds, the second evaluated."""
    for index in (0, 1):
        root = tmp_path / "car" / f"round{index}" / "seed0"
        learn(root, dream=index == 1)
        finish(root / "train_controller", 6.25, name="evolved", env_steps=450, dream_steps=70)
    test = {"mean": 190.0, "sd": 30.0, "episodes": 100}
    finish(root / "evaluate", 3.0, inputs={"train_controller": "evolved"}, **test)
    (tmp_path / "car" / "rounds" / "seed0").mkdir(parents=True)
    return tmp_path / "car"


def test_steps_and_minutes_add_up_over_rounds(run):
    first, second = read_history(run.parent, "car", 0).rounds
    assert (first.number, second.number) == (0, 1)
    assert (first.begin, second.begin) == (Spent(0, 0), Spent(1450, 12.25))
    assert spent(first.selection) == [(1200, 9.0), (1400, 12.0)]
    assert spent(second.selection) == [(2650, 21.25), (2850, 24.25)]
    assert [score.mean for score in second.selection] == [100, 200]
    assert second.selection[0].standard_error == 5
    assert first.dream == ()
    assert spent(second.dream) == spent(second.selection)
    assert [score.mean for score in second.dream] == [300, 300]
    assert first.test is None
    assert spent([second.test]) == [(2900, 24.5)]
    assert (second.test.mean, second.test.sd, second.test.episodes) == (190, 30, 100)


def test_a_round_after_an_evaluated_one_and_the_tenth_come_in_order(run):
    learn(run / "round10" / "seed0")
    learn(run / "round2" / "seed0")
    rounds = read_history(run.parent, "car", 0).rounds
    assert [one.number for one in rounds] == [0, 1, 2, 10]
    assert rounds[2].begin == Spent(2900, 27.5)
    assert rounds[3].begin == Spent(2900 + 1400, 27.5 + 12)


def test_an_unfinished_round_counts_as_far_as_it_came(run):
    learn(run / "round2" / "seed0")
    with (run / "round2" / "seed0" / "train_controller" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "env_steps": 500.0, "minu')
    finish(run / "round3" / "seed0" / "collect", 4.0, env_steps=1)
    *_, third, fourth = read_history(run.parent, "car", 0).rounds
    assert spent(third.selection) == [(4100, 36.5), (4300, 39.5)]
    assert fourth.begin == Spent(4300, 39.5)
    assert (fourth.selection, fourth.test) == ((), None)


def test_a_resumed_log_counts_once(run):
    folder = run / "round1" / "seed0" / "train_controller"
    log = Log(folder, resume_step=3)
    log.scalars(4, {"env_steps": 410.0, "minutes": 7.0})
    log.scalars(4, {"selection/mean": 210.0, "selection/sd": 20.0})
    log.close()
    second = read_history(run.parent, "car", 0).rounds[1]
    assert spent(second.selection) == [(2650, 21.25), (2860, 25.25)]
    assert [score.mean for score in second.selection] == [100, 210]
    # DONE says 6.25 minutes, as it does after a kill that took the minutes before it along.
    assert second.test.after == Spent(2900, 25.25)


def test_a_test_score_of_an_older_controller_is_left_out(run):
    finish(run / "round1" / "seed0" / "train_controller", 9.0, name="newer", env_steps=600)
    assert read_history(run.parent, "car", 0).rounds[1].test is None


def test_the_script_draws_rounds(run, stage, tmp_path):
    outcome = stage("plot_curves", "name=car", f"runs={run.parent}")
    assert outcome.code == 0, outcome.err
    assert f"{run / 'curves.png'} and .svg: 2,900 env steps, 24.5 minutes" in outcome.out
    assert "score 190 ± 30 (100 test episodes, ± sd)" in outcome.out
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (run / "curves.svg").read_text()


def test_the_script_draws_a_run_without_rounds_elsewhere(stage, tmp_path):
    learn(tmp_path / "runs" / "alone" / "seed3", config=CONFIG | {"env": {"solved_at": None}})
    outcome = stage("plot_curves", "name=alone", "seed=3", f"curves.to={tmp_path / 'there'}")
    assert outcome.code == 0, outcome.err
    assert "12.0 minutes, score 200 ± 5 (16 selection episodes, ± standard error)" in outcome.out
    assert (tmp_path / "there" / "curves.svg").exists()
    assert not (tmp_path / "runs" / "alone" / "curves.png").exists()


def test_what_is_not_there_is_one_sentence(run, stage):
    finish(run.parent / "new" / "round0" / "seed0" / "collect", 1.0, env_steps=1)
    for overrides, complaint in (
        (["name=nobody"], "no run with seed 0"),
        (["name=car", "seed=7"], "no run with seed 7"),
        (["name=new"], "no scores to draw yet"),
    ):
        outcome = stage("plot_curves", *overrides, f"runs={run.parent}")
        assert outcome.code == 1
        (line,) = outcome.err.strip().splitlines()
        assert line.startswith("error: ")
        assert complaint in line
    with pytest.raises(UserError, match="nobody"):
        read_history(run.parent, "nobody", 0)


def test_training_goes_on_without_a_picture(run):
    assert "no curves" in try_to_plot(run.parent, "nobody", 0)
    (run / "round0" / "seed0" / "train_controller" / "config.json").write_text("{")
    assert "no curves" in try_to_plot(run.parent, "car", 0)
