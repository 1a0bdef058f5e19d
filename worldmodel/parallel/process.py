"""Jobs on several processes that are supervised: one that dies or hangs has its job run again."""

import atexit
import multiprocessing
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

from worldmodel.parallel.worker import Failure, Worker

Make = Callable[[], Callable[[Any], Any]]
TIMES = 20.0  # how many times as long as the longest job so far another one may take
UNKNOWN = 3.0  # how many times `patience` the first ones may take
LOOK = 1.0  # seconds between two looks at who takes too long
_OPEN: "weakref.WeakSet[ProcessBackend]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # Before multiprocessing waits for all children, for good if one hangs.
    for backend in list(_OPEN):
        backend.close()


class WorkersDied(RuntimeError):
    """A job whose workers died, or hung, each time that it was run."""


class ProcessBackend:
    """`workers` spawned processes (at least 1), kept between calls with the same `make_worker`.

    An exception inside a job reaches the caller with the worker's traceback. If a worker dies
    (out of memory, killed) or does not answer, it is replaced and its job run again, `retries`
    times at most. A worker leads a process group of its own, which ends with it: what an
    environment has started is left behind by nobody.

    Args:
        workers: how many.
        retries: of a job.
        patience: least seconds after which a job is taken to hang; more where jobs are long.

    Raises:
        WorkersDied: from `map`, when the workers of one job keep dying.
    """

    def __init__(self, workers: int, retries: int = 2, patience: float = 600.0) -> None:
        self._count, self._retries, self._patience = workers, retries, patience
        self._workers: list[Worker] = []
        self._made: Make | None = None
        self._longest: float | None = None  # seconds of a job
        _OPEN.add(self)

    def map(self, make_worker: Make, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) as jobs end."""
        if self._made is not make_worker:
            self.close()
            self._made, self._longest = make_worker, None
        waiting, deaths = deque(range(len(jobs))), Counter[int]()
        try:
            while waiting or self._busy():
                self._hand_out(jobs, waiting)
                for worker in self._answering():
                    index = worker.job
                    assert index is not None
                    answer = worker.answer()
                    if answer is None:
                        self._bury(worker, deaths)
                        waiting.appendleft(index)
                        continue
                    if isinstance(answer, Failure):
                        answer.throw()
                    self._longest = max(self._longest or 0.0, answer.seconds)
                    yield index, answer.result
        finally:
            for worker in self._busy():  # of a caller that wants no more: its answer is to nobody
                self._remove(worker)

    def close(self) -> None:
        """Stop the workers; those that are at work at once."""
        for worker in self._workers:
            worker.dismiss()
        for worker in list(self._workers):
            self._remove(worker)

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _hand_out(self, jobs: Sequence[Any], waiting: deque[int]) -> None:
        """Give every worker that has nothing to do a job; start as many as are needed."""
        assert self._made is not None
        while waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) == self._count:
                    return
                context = multiprocessing.get_context("spawn")
                idle = Worker(context, self._made)
                self._workers.append(idle)
            index = waiting.popleft()
            idle.begin(index, jobs[index])

    def _answering(self) -> list[Worker]:
        """Workers with an answer, and those that died or hang."""
        busy = self._busy()
        ready = wait([worker.pipe for worker in busy], LOOK)
        late = time.monotonic() - self._limit()
        for worker in busy:
            if worker.pipe not in ready and worker.since < late:
                worker.kill(f"it did not answer for {self._limit():.0f} s")
        return [worker for worker in busy if worker.pipe in ready or worker.died()]

    def _limit(self) -> float:
        if self._longest is None:
            return UNKNOWN * self._patience
        return max(self._patience, TIMES * self._longest)

    def _bury(self, worker: Worker, deaths: Counter[int]) -> None:
        index = worker.job
        assert index is not None
        self._remove(worker)
        deaths[index] += 1
        if deaths[index] > self._retries:
            raise WorkersDied(
                f"Workers died {deaths[index]} times while running one job, the last time "
                f"{worker.cause()}."
            )

    def _remove(self, worker: Worker) -> None:
        worker.end()
        self._workers.remove(worker)
