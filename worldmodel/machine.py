"""What a figure was measured on: peak memory, hardware, commit. Imports nothing of the project."""

import os
import platform
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import psutil


class PeakMemory:
    """Highest resident memory of this process and its children, sampled twice a second."""

    def __init__(self) -> None:
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.is_set():
            self._peak = max(self._peak, _resident(me))
            self._stop.wait(0.5)

    def stop(self) -> float:
        """End the watch; the peak so far in GB."""
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
