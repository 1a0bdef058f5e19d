"""Where things run."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from worldmodel.run import hardware as module
from worldmodel.run.hardware import can_fuse, pick_device
from worldmodel.types import UserError

SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == "cpu"
    with pytest.raises(UserError, match="no GPU here"):
        pick_device("cuda")
    with pytest.raises(UserError, match="use auto, cpu or cuda"):
        pick_device("tpu")


def test_fusing_needs_a_recent_gpu_triton_and_a_compiler(monkeypatch):
    gpu = torch.device("cuda")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/cc")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert not can_fuse(gpu), "too old"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert can_fuse(gpu)
    assert not can_fuse(torch.device("cpu"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not can_fuse(gpu), "no compiler"
    monkeypatch.setenv("CC", "mycc")
    assert can_fuse(gpu)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert not can_fuse(gpu), "no Triton"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP comes with torch for Linux")
@pytest.mark.parametrize(
    ("asked", "spins"),
    [({}, "1000"), ({"OMP_WAIT_POLICY": "passive"}, "0"), ({"GOMP_SPINCOUNT": "7"}, "7")],
)
def test_threads_that_wait_leave_the_cores_to_others(asked, spins):
    rest = {key: value for key, value in os.environ.items() if key not in SPINNING}
    said = subprocess.run(
        [sys.executable, "-c", "import worldmodel.config"], capture_output=True, text=True,
        env=rest | {"OMP_DISPLAY_ENV": "verbose"} | asked, check=True,
    ).stderr  # fmt: skip
    assert f"GOMP_SPINCOUNT = '{spins}'" in said
