"""What a run computes on: the device, peak memory, processor, and the commit of the code."""

import importlib.util
import os
import platform
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import torch

from worldmodel.types import UserError

TRITON_NEEDS = 7, 0  # compute capability, of 2017


class PeakMemory:
    """Highest resident memory of this process and its children, sampled twice a second."""

    def __init__(self) -> None:
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._stop.is_set():
            self._peak = max(self._peak, _resident(me))
            self._stop.wait(0.5)

    def stop(self) -> float:
        """Stop sampling; the peak so far in GB."""
        self._peak = max(self._peak, _resident(psutil.Process()))
        self._stop.set()
        return self._peak / 1e9


def _resident(process: psutil.Process) -> int:
    total = 0
    for member in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += member.memory_info().rss
    return total


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def multiplies_bf16() -> bool:
    """Whether this processor has instructions for products of bfloat16, twice as fast as fp32."""
    found: Any = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16"))


def hardware() -> str:
    """Processor and cores, as a score has to name them."""
    name = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{cores()} x {name}"


def commit() -> str:
    """Commit of the code that runs, "unknown" outside a checkout."""
    here = Path(__file__).parent
    with suppress(OSError, subprocess.CalledProcessError):
        text = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return text.strip()
    return "unknown"


def pick_device(device: str) -> str:
    """ "auto" is the GPU where there is one, else the CPU; "cpu" and "cuda" are what they say.

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
