"""Jobs on several processes that are supervised: a killed worker's jobs run again elsewhere."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

_make_worker: Callable[[], Callable[[Any], Any]] | None = None
_worker: Callable[[Any], Any] | None = None


def _initialise(make_worker: Callable[[], Callable[[Any], Any]]) -> None:
    """Runs once in each worker: one thread each, and Ctrl-C is the parent's to handle."""
    global _make_worker
    threading.Thread(target=_follow_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _make_worker = make_worker


def _follow_parent() -> None:
    # Both ends of the queues are open in every worker, so no closed pipe tells it that the parent
    # was killed: it would wait for jobs for good, with its models and environments in memory.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Any) -> Any:
    # Built with the first job, not before: an initializer's exception would be lost.
    global _worker
    if _worker is None:
        assert _make_worker is not None
        _worker = _make_worker()
    return _worker(job)


class WorkersDied(RuntimeError):
    """Workers kept dying: short of memory, most likely."""


class ProcessBackend:
    """`workers` spawned processes (at least 1), kept between calls with the same `make_worker`.

    An exception inside a job reaches the caller with the worker's traceback. If a worker dies
    (out of memory, killed), the jobs without a result are run again by fresh workers, `retries`
    times at most.

    Raises:
        WorkersDied: from `map`, when they keep dying.
    """

    def __init__(self, workers: int, retries: int = 2) -> None:
        self._workers = workers
        self._retries = retries
        self._pool: ProcessPoolExecutor | None = None
        self._made: Any = None

    def map(
        self, make_worker: Callable[[], Callable[[Any], Any]], jobs: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) as jobs end."""
        left = dict(enumerate(jobs))
        for _ in range(self._retries + 1):
            pool = self._open(make_worker)
            try:
                futures: dict[Future[Any], int] = {
                    pool.submit(_work, job): index for index, job in left.items()
                }
                for future in as_completed(futures):
                    index = futures[future]
                    result = future.result()
                    del left[index]
                    yield index, result
            except BrokenProcessPool:
                self.close()
            if not left:
                return
        raise WorkersDied(
            f"Workers died {self._retries + 1} times while running {len(left)} jobs (is memory "
            "short? fewer backend.workers need less)."
        )

    def _open(self, make_worker: Callable[[], Callable[[Any], Any]]) -> ProcessPoolExecutor:
        if self._pool is not None and self._made is make_worker:
            return self._pool
        self.close()
        self._made = make_worker
        self._pool = ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_initialise,
            initargs=(make_worker,),
        )
        return self._pool

    def close(self) -> None:
        """Stop the workers; jobs that have not started are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
