"""What an evaluation says of its episodes."""

import pytest

from worldmodel.rollout.evaluate import pick, summary

RECORDS = [
    {"seed": 1, "score": 900.0, "steps": 800, "finished": True},
    {"seed": 2, "score": 300.0, "steps": 1000, "finished": False},
    {"seed": 3, "score": 910.0, "steps": 700, "finished": True},
    {"seed": 4, "score": -40.0, "steps": 500, "finished": False},
]


def test_steps_of_laps_are_those_of_finished_episodes_alone():
    figures = summary(RECORDS)
    assert figures["finished"] == 0.5
    assert figures["finished_steps"] == 750
    assert figures["steps"] == 750
    assert figures["mean"] == pytest.approx(517.5)
    assert figures["sd"] == pytest.approx(468.5, abs=0.1)


def test_nothing_is_said_of_laps_where_there_are_none():
    assert "finished_steps" not in summary(RECORDS[1::2])


def test_best_median_and_worst():
    assert [pick(RECORDS)[name]["seed"] for name in ("best", "median", "worst")] == [3, 1, 4]
