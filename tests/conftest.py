"""Stages run in this process, as their scripts run them, and finished tiny runs to start from."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import one_core
import psutil
import pytest
from small import small  # noqa: F401  (a fixture)
from tiny import ROOT, TinyRuns, run_script

# A shell's background jobs are deaf to Ctrl-C, and so would be the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Coverage of child processes is written beside that of the tests, wherever they run.
os.environ.setdefault("COVERAGE_FILE", str(ROOT / ".coverage"))


def pytest_configure(config):
    if not config.getoption("numprocesses", None):
        one_core.take_one()


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running():
    """No worker process and no game outlives the tests that started it."""
    yield
    left = {}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            if "resource_tracker" not in command:  # Python's own, which ends with this process
                left[child] = command
    _, alive = psutil.wait_procs(list(left), timeout=30)
    assert not [left[child] for child in alive]


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def stage(tmp_path, monkeypatch, capfd):
    """stage(name, *overrides): run a script in tmp_path, runs in runs/; its code and output."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *overrides: str) -> Outcome:
        capfd.readouterr()
        code = run_script(name, "runs=runs", *overrides)
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def stages(stage):
    """stages(names, *overrides): run several, each of which has to succeed."""

    def run(names: str, *overrides: str) -> None:
        for name in names.split():
            outcome = stage(name, *overrides)
            assert outcome.code == 0, f"{name}: {outcome.err}"

    return run


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return TinyRuns(shared / "tiny_runs")


@pytest.fixture
def finished(tiny_runs, tmp_path):
    """finished(upto, *overrides): a run below tmp_path / "runs", done up to a stage; its folder."""

    def copy(upto: str, *overrides: str) -> Path:
        return tiny_runs.copy(upto, overrides, tmp_path / "runs")

    return copy
