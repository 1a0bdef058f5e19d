"""What an evaluation says of its episodes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from worldmodel.parallel import SerialBackend
from worldmodel.rollout.evaluate import pick, play_episodes, summary

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


@pytest.mark.parametrize(("rule", "finished"), [(None, [False, False]), ("rewarded", [True, True])])
def test_an_evaluation_that_goes_on_tells_of_one_kind_of_end(small, tmp_path, rule, finished):
    policy = replace(small.policy, spec=replace(small.spec, finished=rule))
    player = replace(small.player, policy=policy, env=replace(small.player.env, finished=rule))
    (tmp_path / "episodes.jsonl").write_text(json.dumps(RECORDS[0]) + "\n")
    (tmp_path / "actions").mkdir()
    np.save(tmp_path / "actions" / "1.npy", np.zeros((8, 2), np.float32))
    records = play_episodes(player, [1, 2], SerialBackend(), 1, tmp_path, lambda _: None)
    assert records[0]["score"] == RECORDS[0]["score"]  # it was not played again
    assert [record["finished"] for record in records] == finished
    lines = (tmp_path / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records


class Listening(SerialBackend):
    """Keeps the jobs that it was given."""

    def map(self, make_worker, jobs):
        self.jobs = list(jobs)
        return super().map(make_worker, jobs)


def test_a_job_that_is_half_recorded_is_played_as_it_was(small, tmp_path):
    seeds = [1, 2, 3, 4, 5]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    records = play_episodes(small.player, seeds, SerialBackend(), 3, whole, lambda _: None)
    played = []
    shutil.copytree(whole, broken)
    (broken / "actions" / "2.npy").unlink()
    lines = (whole / "episodes.jsonl").read_text().splitlines(keepends=True)
    (broken / "episodes.jsonl").write_text(lines[0])
    backend = Listening()
    again = play_episodes(small.player, seeds, backend, 3, broken, played.append)
    assert again == records
    assert backend.jobs == [(1, 2, 3), (4, 5)]
    assert [episode.seed for episode in played] == seeds[1:]
    for path in (whole / "actions").iterdir():
        assert (broken / "actions" / path.name).read_bytes() == path.read_bytes()
