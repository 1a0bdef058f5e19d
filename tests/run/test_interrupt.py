"""An interrupt that comes where Python drops exceptions ends the command all the same."""

import io
import os
import signal
import sys

import pytest
from rich.console import Console

from worldmodel.run.interrupt import Terminated, listening, put_off
from worldmodel.run.progress import progress_bar


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
    console = Console(file=io.StringIO())
    with listening(), progress_bar("fit", 10, "steps", 0, console, print) as bar:
        bar.update(1)
        Drops(number)
        assert dropped == [raised]
        with pytest.raises(raised):
            bar.update(2)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_put_off_comes_at_the_end():
    done = []

    def work():
        with put_off():
            interrupt()
            done.append("written")

    with listening():
        with pytest.raises(KeyboardInterrupt):
            work()
        assert done == ["written"]
        with put_off():  # while the first one is ending the command
            pass


def test_a_command_within_another_hears_of_it():
    with listening():
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        with pytest.raises(KeyboardInterrupt), listening():
            pass


def test_what_came_to_a_command_is_over_with_it():
    before = signal.getsignal(signal.SIGTERM)
    with listening(), pytest.raises(KeyboardInterrupt):
        interrupt()
    with listening():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_where_ctrl_c_is_ignored_it_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
