"""Kill commands, run them again, and compare what they come to with an unbroken run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from worldmodel.faults.call import HANGS
from worldmodel.faults.cases import CASES, Case
from worldmodel.faults.files import prepare
from worldmodel.faults.result import results
from worldmodel.run.jsonl import read_records
from worldmodel.seed import stream
from worldmodel.types import UserError

MARK = "WORLDMODEL_CAMPAIGN"  # in the environment of all that a command starts
ENDING = 10.0  # seconds that a killed command's processes have to end
WORKER_SHARE = 0.3  # of the kills hit a process that the command has started, if there is one


@dataclass(frozen=True)
class Outcome:
    """What one kill did.

    Attributes:
        case: what was killed.
        at: when, as a share of an unbroken run's seconds.
        hit: "command", or "worker" for a process that it had started.
        resumed: whether the same command then ended well.
        different: results that an unbroken run does not have, or has otherwise.
        left: processes that lived on after the kill, or after the command that resumed.
    """

    case: str
    at: float
    hit: str
    resumed: bool
    different: list[str]
    left: int


class Campaign:
    """Kills in a folder of its own; outcomes are kept in outcomes.jsonl.

    Args:
        folder: for all runs; unbroken ones that are there already serve again.
        seed: of the moments.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder.absolute(), seed
        self._base = self._folder / "base"
        self._whole: dict[str, tuple[dict[str, str], float]] = {}

    def kill(self, name: str, number: int) -> Outcome:
        """Kill a case once, at a moment that follows from the seed and the number.

        Raises:
            UserError: if the unbroken command fails, or leaves processes behind.
        """
        case, (expected, seconds) = CASES[name], self._unbroken(name)
        rng = stream(self._seed + number, "kills")
        at, worker = float(rng.uniform()), bool(rng.uniform() < WORKER_SHARE)
        place = self._folder / "broken"
        self._prepare(place, case)
        mark, process = _start(case.arguments, place)
        _wait(process, at * seconds)
        hit = _kill(process, mark if worker else None, rng)
        if hit == "worker":
            _wait(process, HANGS)
        left, ended = _left(mark), process.poll() == 0
        if not ended:
            code, more = _run(case.arguments, place)
            left, ended = left + more, code == 0
        found = results(place / "runs")
        names = expected.keys() | found.keys()
        different = sorted(name for name in names if expected.get(name) != found.get(name))
        return Outcome(name, at, hit, ended, different, left)

    def _unbroken(self, name: str) -> tuple[dict[str, str], float]:
        """What a case comes to, and the seconds that it takes."""
        if name not in self._whole:
            place = self._folder / "unbroken"
            self._prepare(place, CASES[name])
            since = time.monotonic()
            code, left = _run(CASES[name].arguments, place)
            seconds = time.monotonic() - since
            if code:
                said = (place / "said.txt").read_text().strip().splitlines()[-1:]
                raise UserError(f"{name} fails without any kill: {''.join(said)}")
            if left:
                raise UserError(f"{name} leaves {left} processes behind without any kill.")
            self._whole[name] = results(place / "runs"), seconds
        return self._whole[name]

    def _prepare(self, place: Path, case: Case) -> None:
        """A folder with the finished stages that the case goes on from."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        if case.stages:
            prepare(self._base)
        for stage in case.stages:
            source = self._base / "runs" / "tiny" / "seed0" / stage
            shutil.copytree(source, place / "runs" / "tiny" / "seed0" / stage)


def save(folder: Path, outcome: Outcome) -> None:
    """Add an outcome to outcomes.jsonl."""
    with (folder / "outcomes.jsonl").open("a") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def load(folder: Path) -> list[Outcome]:
    """The outcomes that were kept."""
    return [Outcome(**record) for record in read_records(folder / "outcomes.jsonl")]


def _start(arguments: tuple[str, ...], place: Path) -> tuple[str, subprocess.Popen[bytes]]:
    mark = uuid.uuid4().hex
    with (place / "said.txt").open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "worldmodel", *arguments],
            cwd=place, env=os.environ | {MARK: mark}, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
    return mark, process


def _run(arguments: tuple[str, ...], place: Path) -> tuple[int | None, int]:
    """Exit status, None if it had to be killed, and how many processes it left behind."""
    mark, process = _start(arguments, place)
    if not _wait(process, HANGS):
        _end(mark)
        return None, 0
    return process.returncode, _left(mark)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def _kill(process: subprocess.Popen[bytes], mark: str | None, rng: np.random.Generator) -> str:
    """Kill the command, or with its mark one of the processes that it has started."""
    others = [] if mark is None else [each for each in _marked(mark) if each.pid != process.pid]
    if others and process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            others[int(rng.integers(len(others)))].send_signal(signal.SIGKILL)
            return "worker"
    process.kill()
    process.wait()
    return "command"


def _marked(mark: str) -> list[psutil.Process]:
    """Processes that live with this mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return sorted(found, key=lambda process: process.pid)


def _left(mark: str) -> int:
    """How many processes are still there after a while; they are ended then."""
    deadline = time.monotonic() + ENDING
    while _marked(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    return _end(mark)


def _end(mark: str) -> int:
    left = _marked(mark)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(left)
