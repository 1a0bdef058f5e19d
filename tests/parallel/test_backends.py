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


class Stubborn(Exception):
    """Can't be built again from its arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def make_stubborn():
    def work(job):
        raise Stubborn("this", "that")

    return work


def make_leaver():
    def work(job):
        sys.exit(7)

    return work


def make_ending(how):
    def work(job):
        how()

    return work


def segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(7)


def make_hanging(marks: Path):
    """Its first job never returns, the first time."""

    def work(job):
        if job == 0 and not (marks / "hung").exists():
            (marks / "hung").touch()
            time.sleep(1000)
        return job

    return work


def make_parent_of_engines(numbers: Path):
    """Starts a process that ignores what it can, and holds on to the worker's files."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    engine = subprocess.Popen([sys.executable, "-c", code], close_fds=False)
    (numbers / f"{os.getpid()}").write_text(str(engine.pid))

    def work(job):
        if job == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    return work


def make_pid():
    return lambda job: os.getpid()


@pytest.fixture
def backend():
    backend = ProcessBackend(2)
    yield backend
    backend.close()


@pytest.mark.slow
def test_all_backends_agree(backend):
    jobs = list(range(7))
    serial = dict(SerialBackend().map(partial(make_square, 1), jobs))
    assert serial == {i: i * i + 1 for i in jobs}
    make = partial(make_square, 1)
    assert dict(backend.map(make, jobs)) == serial
    assert dict(backend.map(make, jobs[:3])) == {i: i * i + 1 for i in range(3)}


@pytest.mark.slow
def test_a_killed_workers_jobs_run_again(backend, tmp_path):
    results = dict(backend.map(partial(make_fragile, tmp_path), list(range(6))))
    assert (tmp_path / "died").exists()
    assert results == {i: i + 1 for i in range(6)}


@pytest.mark.slow
def test_workers_that_keep_dying_are_given_up():
    with pytest.raises(WorkersDied, match=r"died 3 times .* the last time of SIGKILL \(is memory"):
        list(ProcessBackend(1).map(make_doomed, [1, 2]))


def is_gone(process, within=60):
    deadline = time.time() + within
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.time() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
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
    worker = int(done.stdout)
    assert not psutil.pid_exists(worker) or is_gone(psutil.Process(worker))


def test_an_exception_arrives_with_its_traceback(backend):
    with pytest.raises(ZeroDivisionError, match="job 1 is broken") as caught:
        list(backend.map(make_broken, [1]))
    assert "in work" in str(caught.value.__cause__)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "said"),
    [(make_stubborn, "Stubborn in a worker: this and that"),
     (make_leaver, "SystemExit in a worker: 7")],
)  # fmt: skip
def test_what_can_not_be_sent_is_told(backend, make, said):
    with pytest.raises(RuntimeError, match=said) as caught:
        list(backend.map(make, [1]))
    assert "in work" in str(caught.value.__cause__)
    assert dict(backend.map(partial(make_square, 0), [2])) == {0: 4}, "it goes on"


@pytest.mark.parametrize(("how", "said"), [(segfault, "of SIGSEGV"), (leave, "with exit code 7")])
def test_the_cause_of_a_death_is_named(how, said):
    with pytest.raises(WorkersDied, match=said):
        list(ProcessBackend(1, retries=0).map(partial(make_ending, how), [1]))


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(tmp_path):
    backend = ProcessBackend(2, patience=4)
    assert dict(backend.map(partial(make_hanging, tmp_path), [0, 1, 2])) == {0: 0, 1: 1, 2: 2}
    backend.close()
    assert (tmp_path / "hung").exists()


@pytest.mark.slow
def test_a_stopped_worker_does_not_hold_up_the_end():
    backend, since = ProcessBackend(1), time.monotonic()
    ((_, worker),) = backend.map(make_pid, [0])
    os.kill(worker, signal.SIGSTOP)
    backend.close()
    assert not psutil.pid_exists(worker)
    assert time.monotonic() - since < 60


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["close", "killed worker"])
def test_what_an_environment_started_ends_with_its_worker(tmp_path, ends):
    backend = ProcessBackend(1, retries=0)
    make = partial(make_parent_of_engines, tmp_path)
    assert dict(backend.map(make, [1, 2])) == {0: 1, 1: 2}
    (number,) = tmp_path.iterdir()
    engine = psutil.Process(int(number.read_text()))
    assert engine.is_running()
    if ends == "close":
        backend.close()
    else:
        with pytest.raises(WorkersDied):
            list(backend.map(make, ["die"]))
    assert is_gone(engine)
    backend.close()
