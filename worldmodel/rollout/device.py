"""Which device "auto" means, and what can be done on it."""

import importlib.util
import os
import shutil

import torch

from worldmodel.types import UserError

TRITON_NEEDS = 7, 0  # compute capability, of 2017


def pick_device(device: str) -> str:
    """ "auto" is the GPU where there is one, else the CPU; anything else is taken by its word.

    Raises:
        UserError: if a GPU is asked for and there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UserError(f"device is {device}: use auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch finds no GPU here: use device=auto or device=cpu.")
    return device


def can_fuse(device: torch.device) -> bool:
    """Whether torch.compile has what it needs on this GPU, Triton and a C compiler; CPU: False."""
    compilers = ("cc", "gcc", "clang")
    compiler = os.environ.get("CC") or any(shutil.which(name) for name in compilers)
    triton = importlib.util.find_spec("triton") is not None
    there = device.type == "cuda" and triton and bool(compiler)
    return there and torch.cuda.get_device_capability(device) >= TRITON_NEEDS
