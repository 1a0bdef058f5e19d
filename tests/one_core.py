"""One core for each process that runs tests: imported before anything that starts threads.

The networks of these tests are so small that threads would mostly wait for each other, and the
more so the more processes share the cores. Child processes inherit the core.
"""

import os


def take_one() -> None:
    """Keep this process to a core: that of its number under pytest-xdist, else any."""
    if not hasattr(os, "sched_setaffinity"):  # not everywhere
        return
    cores = sorted(os.sched_getaffinity(0))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}").removeprefix("gw"))
    os.sched_setaffinity(0, {cores[number % len(cores)]})


os.environ.setdefault("OMP_NUM_THREADS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    take_one()
