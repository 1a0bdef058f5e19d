"""The sentence at the end of a run: its figures, and advice that follows from them."""

import json

import pytest
from finished import write_done

from worldmodel.report.verdict import verdict


@pytest.fixture
def root(tmp_path):
    figures = {
        "evaluate": {"episodes": 50, "mean": 210.0, "sd": 40.0, "random_mean": 22.0,
                     "random_sd": 11.0, "random_episodes": 30},
        "train_vae": {"moving_explained": 0.91},
        "train_mdnrnn": {"nats_per_dim": 1.0, "nats_per_dim_persistence": 1.5},
        "train_controller": {"selection_score": 200.0},
    }  # fmt: skip
    for stage, values in figures.items():
        write(tmp_path, stage, **values)
    select(tmp_path, 100, 200, 150, 160, 170)
    return tmp_path


def write(root, stage, **figures):
    write_done(root / stage, figures)


def select(root, *means):
    rows = [{"step": step, "selection/mean": mean} for step, mean in enumerate(means)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "train_controller" / "metrics.jsonl").write_text(text)


def test_both_scores_with_their_sd_and_n(root):
    said = verdict([root])
    assert said.startswith("random 22 ± 11 (n=30) → agent 210 ± 40 (n=50); ")
    assert "V explains 91% of what moves" in said
    assert "M beats a z that stays as it is by 0.5 nats per dimension" in said
    assert "C has stopped getting better" in said


def test_what_is_worst_is_mended_first(root):
    select(root, 100, 120, 150, 160, 170)
    assert "C was still getting better: raise evolve.generations" in verdict([root])
    write(root, "train_mdnrnn", nats_per_dim=1.5, nats_per_dim_persistence=1.25)
    said = verdict([root])
    assert "M is 0.25 nats per dimension worse than a z that stays as it is" in said
    assert "Next: M has to see more" in said
    write(root, "train_vae", moving_explained=0.2)
    assert "Next: V misses most of what moves" in verdict([root])


def test_a_run_without_a_score_has_no_verdict(root):
    (root / "evaluate" / "DONE").unlink()
    assert verdict([root]) is None


def test_what_a_round_took_over_is_told_as_it_was(root, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    write(before, "train_vae", moving_explained=0.8)
    (root / "train_vae" / "DONE").unlink()
    assert "V explains 80% of what moves" in verdict([before, root])
