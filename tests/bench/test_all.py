"""Every benchmark runs, at sizes that say nothing about speed."""

import json

import pytest

from worldmodel.bench.all import BENCHMARKS

TINY = ["candidates=2", "rollouts=2", "dream_steps=3", "envs=2", "env_steps=4", "frames=4",
        "windows=2", "length=3", "vectors=16", "rounds=1", "seconds=0.05"]  # fmt: skip
AGAIN = {"dream_bf16", "threads_alone"}  # what `dream` and `threads_beside_another` run as well
SIZES = [f"benchmark.sizes.{size}" for size in TINY]
MODELS = ["env=cart_pole", "vae=tiny", "mdnrnn.hidden=8"]


@pytest.mark.slow
def test_all_of_them_run_and_write_json(stage, tmp_path):
    names = set(BENCHMARKS) - AGAIN
    outcome = stage("benchmark", *MODELS, *SIZES, f"benchmark.only={sorted(names)}")
    assert outcome.code == 0, outcome.err
    report = json.loads((tmp_path / "runs" / "benchmark" / "benchmark.json").read_text())
    assert set(report["rows"]) == names
    assert report["hardware"]
    assert report["sizes"]["dream_steps"] == 3
    for name, row in report["rows"].items():
        assert row["ours"] > 0, name
        assert row["ratio"] == pytest.approx(row["ours"] / row["naive"])
        assert name in outcome.out
    assert 0 < report["rows"]["dream"]["matrix_share"] < 1


def test_unknown_names_and_sizes_are_refused(stage):
    outcome = stage("benchmark", *MODELS, "benchmark.only=[warp]")
    assert outcome.code == 1
    assert "warp" in outcome.err
    outcome = stage("benchmark", *MODELS, "benchmark.sizes.rounds=0")
    assert outcome.code == 1
    assert "rounds" in outcome.err
