"""Jobs one after the other in this process."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class SerialBackend:
    """The plain loop; builds its worker once per `make_worker`."""

    def __init__(self) -> None:
        self._made: tuple[Any, Any] | None = None

    def map(
        self, make_worker: Callable[[], Callable[[Any], Any]], jobs: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, result) in order."""
        if self._made is None or self._made[0] is not make_worker:
            self._made = (make_worker, make_worker())
        worker = self._made[1]
        for index, job in enumerate(jobs):
            yield index, worker(job)

    def close(self) -> None:
        """Forget the worker."""
        self._made = None
