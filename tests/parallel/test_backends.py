"""Serial and process give the same results; dead workers are replaced; exceptions arrive."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from worldmodel.parallel import ProcessBackend, SerialBackend


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


def test_workers_that_keep_dying_are_given_up(backend):
    with pytest.raises(RuntimeError, match="Workers died 3 times while running 2 jobs"):
        list(backend.map(make_doomed, [1, 2]))


def test_an_exception_arrives_with_its_traceback(backend):
    with pytest.raises(ZeroDivisionError, match="job 1 is broken") as caught:
        list(backend.map(make_broken, [1]))
    assert "in work" in str(caught.value.__cause__)
