"""What a benchmark is given, what it returns, and how two ways are timed against each other."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from worldmodel.agent.policy import Policy
from worldmodel.envs.make import EnvConfig
from worldmodel.models.controller import ControllerConfig, count_features
from worldmodel.models.mdnrnn import MDNRNNConfig
from worldmodel.models.vae import VAEConfig
from worldmodel.types import EnvSpec


@dataclass(frozen=True)
class Sizes:
    """How much a benchmark does at a time.

    `candidates` × `rollouts` dreams of `dream_steps` steps; `envs` real environments for
    `env_steps` env steps; batches of `frames`, and of `windows` sequences of `length` steps;
    `vectors` mixtures. Each way is timed `rounds` times, in turns; a loop at batch 1 runs for
    `seconds` in each process.
    """

    candidates: int
    rollouts: int
    dream_steps: int
    envs: int
    env_steps: int
    frames: int
    windows: int
    length: int
    vectors: int
    rounds: int
    seconds: float

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"benchmark.sizes.{key} is {value}: it must be positive")


@dataclass(frozen=True)
class Setting:
    """The environment and the models that are timed, with random weights."""

    env: EnvConfig
    vae: VAEConfig
    mdnrnn: MDNRNNConfig
    controller: ControllerConfig
    sizes: Sizes
    device: str


def policy(setting: Setting, spec: EnvSpec) -> Policy:
    """C of the setting in an environment, with zeros for parameters."""
    sizes = setting.vae.z_dim, setting.mdnrnn.hidden
    count = count_features(setting.controller.inputs, *sizes)
    return Policy.zeros(setting.controller, spec, np.zeros(count, np.float32))


@dataclass(frozen=True)
class Row:
    """Two rates in the same unit, higher is better, and what the naive way is.

    `matrix_share` is how much of the device's own matrix rate our way makes use of, where its
    arithmetic is mostly matrix products.
    """

    ours: float
    naive: float
    unit: str
    way: str
    matrix_share: float | None = None


# Seconds that one of the matrix products may take at most, about.
PATIENCE = 1.0


def alternate(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, called in turns, so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def matrix_rate(device: str, dtype: torch.dtype = torch.float32, largest: int = 2048) -> float:
    """Floating-point operations per second of a large matrix product on this device.

    Where the processor has no arithmetic of this type, a smaller product has to do.
    """

    def seconds(size: int, rounds: int) -> float:
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        multiply = lambda: (a @ b)[0, 0].item()  # noqa: E731  (item waits for a GPU)
        return alternate({"multiply": multiply}, rounds)["multiply"]

    size = 128
    while size < largest and 8 * seconds(size, 1) < PATIENCE:
        size *= 2
    return 2 * size**3 / seconds(size, 5)
