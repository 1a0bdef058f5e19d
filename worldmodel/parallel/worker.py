"""A process that does one job after the other, and all that has to end with it."""

import contextlib
import gc
import io
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from typing import Any, NoReturn

import torch

Make = Callable[[], Callable[[Any], Any]]
DISMISSAL = 4.0  # seconds that an idle worker has to end by itself
DESCRIPTORS = 256  # numbers of files that may be open at the start of a worker


@dataclass(frozen=True)
class Success:
    """The result of a job, and the seconds that it took."""

    result: Any
    seconds: float


@dataclass(frozen=True)
class Failure:
    """What a job raised, and the traceback of it as text."""

    error: Exception
    trace: str

    def throw(self) -> NoReturn:
        """Raise it here."""
        raise self.error from RemoteError(f"\n{self.trace}")


class RemoteError(Exception):
    """The traceback of an exception in a worker."""


class Worker:
    """The parent's side: a spawned process, the job that it has, and since when.

    Attributes:
        pipe: readable as soon as there is an answer, or the process has died.
        job: index of its job; None if it has nothing to do.
        since: when it was given that job, as `time.monotonic` tells.
    """

    def __init__(self, context: SpawnContext, make: Make) -> None:
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, theirs))
        self._process.start()
        theirs.close()
        self.job: int | None = None
        self.since = 0.0
        self._cause: str | None = None

    def begin(self, index: int, job: Any) -> None:
        """Give it a job; one that has died by now is found out when its answer is asked for."""
        self.job, self.since = index, time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(job)

    def answer(self) -> Success | Failure | None:
        """What came of its job; None if it has died."""
        if not self.pipe.poll():  # it is gone, but something that it started keeps its pipe open
            return None
        try:
            answer: Success | Failure = self.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        self.job = None
        return answer

    def kill(self, cause: str) -> None:
        """End it and all that it has started, for this cause."""
        self._cause = self._cause or cause
        self._kill()

    def dismiss(self) -> None:
        """Ask it to end if it has nothing to do, kill it if it has."""
        if self.job is not None:
            self.kill("it was not needed any more")
            return
        with contextlib.suppress(OSError):
            self.pipe.send(None)

    def end(self) -> None:
        """Wait for the process, kill what is left of its group, and free what it took."""
        if self.job is None:  # not `join`: a process that was waited for has no number any more
            wait([self._process.sentinel], DISMISSAL)
        self._kill()
        self._process.join()
        self.pipe.close()

    def died(self) -> bool:
        """Whether it is gone, though something that it started may keep its pipe open."""
        return not self._process.is_alive()

    def _kill(self) -> None:
        assert self._process.pid is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()  # it may not have come to lead a group yet

    def cause(self) -> str:
        """Why it died, once it has ended."""
        if self._cause is not None:
            return f"because {self._cause}"
        code = self._process.exitcode or 0
        if code >= 0:
            return f"with exit code {code}"
        name = signal.Signals(-code).name
        hints = {
            signal.SIGKILL: " (is memory short? fewer backend.workers need less)",
            signal.SIGSEGV: " (a fault in the native code of the environment or of a library)",
        }
        return f"of {name}{hints.get(signal.Signals(-code), '')}"


def _serve(make: Make, pipe: Connection) -> None:
    """The worker's side: one thread each; Ctrl-C is the parent's to handle."""
    os.setpgid(0, 0)
    for descriptor in range(3, DESCRIPTORS):  # an environment's process would keep the pipe open
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, False)
    threading.Thread(target=_follow_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    torch.set_num_threads(1)
    work: Callable[[Any], Any] | None = None
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        if job is None:
            work = None
            gc.collect()  # environments may have something to put away
            return
        start = time.monotonic()
        try:
            work = work or make()
            answer: Success | Failure = Success(work(job), time.monotonic() - start)
        except BaseException as error:
            answer = _failure(error)
        _send(pipe, answer)


def _send(pipe: Connection, answer: Success | Failure) -> None:
    try:
        pipe.send(answer)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        pipe.send(_failure(error))


def _failure(error: BaseException) -> Failure:
    """An exception as one that arrives: not every class can be pickled, or built again."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return Failure(error, trace)
    return Failure(RuntimeError(f"{type(error).__name__} in a worker: {error}"), trace)


def _follow_parent() -> None:
    # The parent's end of the pipe may be open in workers that were started later, so that no closed
    # pipe tells that the parent was killed: it would wait for jobs for good.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)
