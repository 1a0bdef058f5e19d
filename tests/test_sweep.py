"""One command sweeps the dream's temperature on the V and M of another run."""

import subprocess
import sys
from pathlib import Path

import pytest

from worldmodel.log import read_metrics
from worldmodel.run import read_done

ROOT = Path(__file__).resolve().parent.parent
TINY = ["experiment=tiny", "env=pendulum", "name=base", "evaluate.videos=false"]


@pytest.mark.slow
def test_sweep_and_table(stages, tmp_path):
    stages("collect train_vae encode train_mdnrnn", *TINY)
    runs = tmp_path / "runs"
    command = [sys.executable, str(ROOT / "scripts" / "sweep_temperature.py"), *TINY,
               f"runs={runs}", "world.config.temperature=0.5,1.25"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    last = done.stdout[done.stdout.rindex("dream score") :]
    for tau in ("0.5", "1.25"):
        folder = runs / "base" / f"tau{tau}" / "seed0"
        assert not (folder / "train_mdnrnn").exists()
        assert read_done(folder / "evaluate")["figures"]["episodes"] == 3
        inside = read_done(folder / "train_controller")["figures"]
        assert f"{inside['world_score']:.0f} ± {inside['world_sd']:.0f}" in last
        rows = read_metrics(folder / "train_controller")
        both = {"selection/mean", "dream/mean"}
        assert both <= set().union(*rows)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.count("done already") == 4
    assert not (ROOT / "multirun.yaml").exists()


def test_the_real_world_has_no_temperature(stage):
    outcome = stage("train_controller", *TINY, "upstream=nowhere")
    assert outcome.code == 1
    assert "nowhere/seed0/train_vae is not finished" in outcome.err
