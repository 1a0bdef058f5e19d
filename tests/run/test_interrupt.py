"""An interrupt that comes where Python drops exceptions ends the command all the same."""

import io
import os
import signal
import sys

import pytest
from rich.console import Console

from worldmodel.run.interrupt import Terminated, answered, listen, put_off
from worldmodel.run.progress import progress_bar


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    answered()
    for number, handler in before.items():
        signal.signal(number, handler)


class Drops:
    """An object whose end is a signal: what that raises is raised in `__del__`."""

    def __init__(self, number):
        self._number = number

    def __del__(self):
        os.kill(os.getpid(), self._number)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_dropped_interrupt_ends_the_loop_at_its_next_turn(monkeypatch, number, raised):
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: dropped.append(what.exc_type))
    listen()
    with progress_bar("fit", 10, "steps", 0, Console(file=io.StringIO()), print) as bar:
        bar.update(1)
        Drops(number)
        assert dropped == [raised]
        with pytest.raises(raised):
            bar.update(2)


def test_what_is_put_off_comes_at_the_end():
    listen()
    done = []

    def work():
        with put_off():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("written")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["written"]
    with put_off():  # while the first one is ending the command
        pass


def test_an_answered_interrupt_is_over():
    listen()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        listen()
    answered()
    listen()


def test_where_ctrl_c_is_ignored_it_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listen()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
