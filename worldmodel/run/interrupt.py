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
_commands = 0  # that are running, one within another


@contextmanager
def listening() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt and Terminated while a command runs.

    Raises:
        KeyboardInterrupt: if one has come to a command that runs this one, and was lost.
    """
    global _commands
    raise_pending()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if not _commands:
        signal.signal(signal.SIGTERM, _terminate)
        if before[signal.SIGINT] is not signal.SIG_IGN:  # as of a job in the background
            signal.signal(signal.SIGINT, _interrupt)
    _commands += 1
    try:
        yield
    finally:
        _commands -= 1
        if not _commands:
            _pending.clear()
            for number, handler in before.items():
                signal.signal(number, handler)


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
