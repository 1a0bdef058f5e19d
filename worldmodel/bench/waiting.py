"""Threads that wait for work: V's training on idle cores, and beside a process that is busy."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict

import torch

from worldmodel.bench.row import Row, Setting
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run.hardware import cores

WAY = "threads that spin as long as GNU OpenMP has them"
# What decides how threads wait is read when torch is loaded, so each way is a process of its own.
# Where torch is loaded before worldmodel, it is GNU OpenMP that decides.
LOAD = {"ours": "import worldmodel", "naive": "import torch"}
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
PROGRAM = "{}; import sys; from worldmodel.bench.waiting import train; train(*sys.argv[1:])"


def threads(setting: Setting, busy: bool) -> Row:
    """Frames per second of training steps on the CPU; `busy`: beside a process on one core."""
    rates: dict[str, list[float]] = {"ours": [], "naive": []}
    arguments = (json.dumps(asdict(setting.vae)), setting.sizes.frames, setting.sizes.seconds)
    with _another() if busy else nullcontext():
        for _ in range(max(1, setting.sizes.rounds // 7)):
            for way, found in rates.items():
                found.append(_rate(way, *map(str, arguments)))
    ours, naive = (statistics.median(found) for found in rates.values())
    return Row(ours, naive, "frames/s", WAY)


def train(config: str, frames: str, seconds: str) -> None:
    """Train a V of this configuration (JSON) for so long, and print frames per second."""
    torch.set_num_threads(cores())
    vae = VAE(VAEConfig(**json.loads(config)))
    optimizer = torch.optim.Adam(vae.parameters(), 1e-4)
    obs = torch.randint(0, 256, (int(frames), 64, 64, 3), dtype=torch.uint8)

    def step() -> None:
        vae.loss(obs)[0].backward()
        optimizer.step()
        optimizer.zero_grad()

    step()  # the first one prepares
    steps, since = 0, time.perf_counter()
    while not steps or time.perf_counter() - since < float(seconds):
        step()
        steps += 1
    print(steps * int(frames) / (time.perf_counter() - since))


def _rate(way: str, *arguments: str) -> float:
    rest = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    command = [sys.executable, "-c", PROGRAM.format(LOAD[way]), *arguments]
    said = subprocess.run(command, env=rest, capture_output=True, text=True, check=True).stdout
    return float(said.split()[-1])


@contextmanager
def _another() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
