"""Stages run in this process, as their scripts run them."""

import runpy
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from small import small  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parent.parent

# A shell's background jobs are deaf to Ctrl-C, and so would be the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def stage(tmp_path, monkeypatch, capfd):
    """stage(name, *overrides): run a script with runs under tmp_path; its exit code and output."""

    def run(name: str, *overrides: str) -> Outcome:
        argv = [f"scripts/{name}.py", f"runs={tmp_path / 'runs'}", *overrides]
        monkeypatch.setattr(sys, "argv", argv)
        capfd.readouterr()
        code = 0
        try:
            runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture
def stages(stage):
    """stages(names, *overrides): run several, each of which has to succeed."""

    def run(names: str, *overrides: str) -> None:
        for name in names.split():
            outcome = stage(name, *overrides)
            assert outcome.code == 0, f"{name}: {outcome.err}"

    return run
