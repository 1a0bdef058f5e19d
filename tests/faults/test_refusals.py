"""Broken files and bad values, as `worldmodel faults` tries them; here a part of the files."""

import pytest

from worldmodel import cli
from worldmodel.faults import call as module
from worldmodel.faults.call import Said
from worldmodel.faults.files import READERS, Broken, break_file, broken_files, prepare
from worldmodel.faults.refusals import refusals
from worldmodel.faults.values import Refusal, refuse


def inside(monkeypatch, capfd):
    """Runs commands in this process: to start one takes seconds."""

    def call(arguments, place):
        monkeypatch.chdir(place)
        capfd.readouterr()
        try:
            cli.main(arguments)
            code = 0
        except SystemExit as stop:
            code = stop.code
        return Said(code, tuple(capfd.readouterr().err.strip().splitlines()))

    return call


@pytest.fixture
def base(tmp_path_factory, monkeypatch, capfd):
    """Finished runs, whole; made once by each process of the tests."""
    folder = tmp_path_factory.getbasetemp() / "whole"
    prepare(folder, inside(monkeypatch, capfd))
    return folder


def test_there_are_a_hundred_of_them():
    assert len(broken_files()) >= 100


@pytest.mark.slow
def test_a_broken_file_is_one_sentence_and_nothing_else_changes(base, monkeypatch, capfd):
    for broken in broken_files()[::7]:  # kinds of damage come in fours and fives
        finding = break_file(base, broken, inside(monkeypatch, capfd))
        assert finding.right, finding


@pytest.mark.slow
def test_what_is_whole_is_not_refused(base, monkeypatch, capfd):
    for reader in READERS[::3]:
        whole = Broken(reader, reader.files[0], "none")
        assert break_file(base, whole, inside(monkeypatch, capfd)).said == Said(0, ())


def test_a_value_that_is_fine_is_not_refused(monkeypatch, capfd):
    assert not refuse("collect.episodes=1", inside(monkeypatch, capfd)).right
    refused = refuse("collect.episodes=0", inside(monkeypatch, capfd))
    assert refused.right
    assert "episodes" in refused.said.errors[0]


def test_wrong_ones_are_told(capsys):
    tried = [Refusal("a=1", Said(1, ("error: a is 1.",)), True), Refusal("b=2", Said(0, ()), False)]
    assert refusals("values", tried, lambda one: one) == tried[1:]
    said = capsys.readouterr().out
    assert "2 tried, 1 refused" in said
    assert "b=2: exit status 0" in said


def test_a_command_that_hangs_is_no_refusal(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HANGS", 0.01)
    assert not module.call(("--help",), tmp_path).refuses("help")
