"""Serial and process give the same results; dead workers are replaced; exceptions arrive."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from worldmodel.parallel import ProcessBackend, SerialBackend, WorkersDied


def make_square(offset):
    def square(job):
        return job * job + offset

    return square


def make_fragile(marks: Path):
    def work(job):
        if job == 3 and not (marks / "died").exists():
            (marks / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return job + 1

    return work


def make_doomed():
    def work(job):
        os.kill(os.getpid(), signal.SIGKILL)

    return work


def make_broken():
    def work(job):
        raise ZeroDivisionError(f"job {job} is broken")

    return work


def make_pid():
    return lambda job: os.getpid()


@pytest.fixture
def backend():
    backend = ProcessBackend(2)
    yield backend
    backend.close()


def test_all_backends_agree(backend):
    jobs = list(range(7))
    serial = dict(SerialBackend().map(partial(make_square, 1), jobs))
    assert serial == {i: i * i + 1 for i in jobs}
    make = partial(make_square, 1)
    assert dict(backend.map(make, jobs)) == serial
    assert dict(backend.map(make, jobs[:3])) == {i: i * i + 1 for i in range(3)}


def test_a_killed_workers_jobs_run_again(backend, tmp_path):
    results = dict(backend.map(partial(make_fragile, tmp_path), list(range(6))))
    assert (tmp_path / "died").exists()
    assert results == {i: i + 1 for i in range(6)}


def test_workers_that_keep_dying_are_given_up():
    with pytest.raises(WorkersDied, match="Workers died 3 times while running 2 jobs"):
        list(ProcessBackend(1).map(make_doomed, [1, 2]))


def test_workers_do_not_outlive_a_killed_parent():
    code = """
        import os
        import sys
        from worldmodel.parallel import ProcessBackend
        sys.path.insert(0, sys.argv[1])
        from test_backends import make_pid
        print(dict(ProcessBackend(1).map(make_pid, [0]))[0], flush=True)
        os.kill(os.getpid(), 9)
    """
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), here], stdout=subprocess.PIPE, text=True
    )
    worker, deadline = int(done.stdout), time.time() + 60
    while psutil.pid_exists(worker) and psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
        assert time.time() < deadline, "the worker waits for a parent that is gone"
        time.sleep(0.05)


def test_an_exception_arrives_with_its_traceback(backend):
    with pytest.raises(ZeroDivisionError, match="job 1 is broken") as caught:
        list(backend.map(make_broken, [1]))
    assert "in work" in str(caught.value.__cause__)
