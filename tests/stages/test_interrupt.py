"""Ctrl-C in a training stage: one sentence, and the same command goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worldmodel.run import checkpoint
from worldmodel.run.layout import read_done

ROOT = Path(__file__).resolve().parents[2]
BASE = ("experiment=tiny", "env=cart_pole")
PATIENCE = 600  # seconds, on a machine that does much else


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "earlier", "length", "first", "unit"),
    [
        ("train_vae", "collect", "train_vae.fit.steps", ".", "step"),
        ("train_mdnrnn", "encode", "train_mdnrnn.fit.steps", "k1", "step"),
        ("train_controller", "train_mdnrnn", "evolve.generations", ".",
         "generation"),
    ],
)  # fmt: skip
def test_interrupted_training_goes_on(
    stage, finished, tmp_path, name, earlier, length, first, unit
):
    finished(earlier, *BASE)
    endless = [f"runs={tmp_path / 'runs'}", *BASE, f"{length}=1000000"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *endless],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    folder = tmp_path / "runs/tiny/seed0" / name
    path = folder / first / "checkpoints/last.pt"
    try:
        deadline = time.time() + PATIENCE
        while not path.exists() and process.poll() is None and time.time() < deadline:
            time.sleep(0.02)
        assert path.exists()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert err.strip().splitlines()[-1] == (
        "interrupted; the same command goes on from the last checkpoint."
    )
    assert read_done(folder) is None

    saved = checkpoint.load(path)
    reached = len(saved["cma"]["told"]) if unit == "generation" else saved["step"]
    outcome = stage(name, *BASE, f"{length}={reached + 2}")
    assert outcome.code == 0, outcome.err
    assert f"resuming at {unit} {reached}" in outcome.out
    assert read_done(folder) is not None
