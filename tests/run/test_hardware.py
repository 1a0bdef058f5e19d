"""Where things run."""

import shutil

import pytest
import torch

from worldmodel.run import hardware as module
from worldmodel.run.hardware import can_fuse, pick_device
from worldmodel.types import UserError


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
