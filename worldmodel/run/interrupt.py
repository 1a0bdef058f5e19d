"""Ctrl-C and SIGTERM that are never lost.

Python raises KeyboardInterrupt wherever the program happens to be. In a callback of a weak
reference or in a `__del__` it is printed and dropped, and the command would go on: so it is kept in
mind as well, and loops raise it again at the next turn of their progress bar. Where it would leave
a library's lock taken for good, it is put off.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C, but it reaches one process alone."""


_pending: list[type[KeyboardInterrupt]] = []
_put_off = False


def listen() -> None:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt and Terminated from here on.

    Raises:
        KeyboardInterrupt: if one has come already and was lost.
    """
    raise_pending()
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as of a job in the background
        signal.signal(signal.SIGINT, _interrupt)


def raise_pending() -> None:
    """Raise the interrupt that has come, if it did not arrive.

    Raises:
        KeyboardInterrupt: then.
    """
    if _pending:
        raise _pending[-1]


@contextmanager
def put_off() -> Iterator[None]:
    """What comes inside is raised at the end."""
    global _put_off
    before, _put_off = len(_pending), True
    try:
        yield
    finally:
        _put_off = False
    if len(_pending) > before:  # an earlier one may be ending the command just now
        raise_pending()


def answered() -> None:
    """The interrupt has arrived where the command is ended."""
    _pending.clear()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _come(KeyboardInterrupt)


def _terminate(number: int, frame: FrameType | None) -> None:
    # Once is enough: a second one would break off what ends the workers, and leave them running.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _come(Terminated)


def _come(kind: type[KeyboardInterrupt]) -> None:
    _pending.append(kind)
    if not _put_off:
        raise kind
