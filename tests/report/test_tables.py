"""Rows of the table of rounds."""

import pytest
from finished import write_done

from worldmodel.report.tables import round_figures


@pytest.mark.parametrize(("dream_steps", "titles"), [(0, {"real"}), (500, {"real", "dream"})])
def test_a_dream_score_is_told_only_where_there_was_a_dream(tmp_path, dream_steps, titles):
    folder = tmp_path / "train_controller"
    scores = {"world_score": 700.0, "selection_score": 400.0, "env_steps": 90}
    write_done(folder, scores | {"dream_steps": dream_steps}, minutes=2.0)
    found = round_figures(tmp_path)
    titled = {title.removesuffix(" score") for title in found if title.endswith(" score")}
    assert titled == titles
    assert found["real score"] == 400
    assert found.get("dream score", 700) == 700
    assert (found["env steps"], found["minutes"]) == (90, 2)


def test_minutes_of_all_stages_count(tmp_path):
    for stage, minutes in (("collect", 1.0), ("encode", 2.0), ("train_vae", 4.0)):
        write_done(tmp_path / stage, {}, minutes=minutes)
    assert round_figures(tmp_path)["minutes"] == 7
