"""One command compares recipes against noise in the dream of a finished run."""

import json

import pytest

from worldmodel.run.layout import read_done

TINY = ["experiment=tiny", "env=cart_pole"]
FEW = ["compare.budget=100", "compare.test_every=50", "compare.test_episodes=4"]


@pytest.mark.slow
def test_compare_and_table(stage, finished, tmp_path):
    assert stage("compare_noise", *TINY).code == 1
    finished("train_mdnrnn", *TINY)
    first = stage("compare_noise", *TINY, *FEW, "compare.seeds=2")
    assert first.code == 0, first.err
    folder = tmp_path / "runs/tiny/seed0/compare_noise"
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == ["fixed_1", "fixed_4", "fixed_16", "measured", "pycma"]
    for name, entry in summary.items():
        row = entry["row"]
        assert f"{row['score']:.4g} ± {row['score_sd']:.4g}" in first.out
        assert name in first.out
        assert all(curve[-1]["steps"] >= 100 for curve in entry["curves"])
        assert read_done(folder)["figures"][name] == row["score"]
    assert "done already" in stage("compare_noise", *TINY, *FEW, "compare.seeds=2").out

    searches = {path: path.stat().st_mtime_ns for path in (folder / "searches").glob("*.json")}
    assert len(searches) == 10
    more = stage("compare_noise", *TINY, *FEW, "compare.seeds=3")
    assert more.code == 0, more.err
    assert len(list((folder / "searches").glob("*.json"))) == 15
    assert all(path.stat().st_mtime_ns == when for path, when in searches.items())
    assert stage("compare_noise", *TINY, "compare.budget=500").code == 1
    assert stage("compare_noise", *TINY, "name=real", "upstream=tiny", "world=real").code == 1
