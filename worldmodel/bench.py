"""Rates of the inner loops, ours against the naive way, measured in one run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import GymVector, make_vector
from worldmodel.models.vae import VAEConfig
from worldmodel.rollout.collect import record
from worldmodel.seed import derive_many
from worldmodel.train.plain import training_speed
from worldmodel.types import EnvSpec, VectorEnv

ENVS = 32
STEPS = 100


@dataclass(frozen=True)
class Row:
    """Two rates in the same unit, higher is better, and what the naive way is."""

    ours: float
    naive: float
    unit: str
    way: str


def collect(env: EnvConfig, vae: VAEConfig) -> Row:
    """Env steps per second of an explorer, with crop and resize."""
    spec = make_spec(env)
    naive = _env_steps_per_second(env, spec, GymVector(env, spec), envs=1)
    ours = _env_steps_per_second(env, spec, make_vector(env, spec, "auto", 0), envs=ENVS)
    return Row(ours, naive, "env steps/s", "one gymnasium environment in one process")


def train_vae(env: EnvConfig, vae: VAEConfig) -> Row:
    """Frames per second of training steps of V, at the paper's batch size."""
    ours, naive = training_speed(vae, "fp32", batch_size=100)
    return Row(ours, naive, "frames/s", "torch's own layers, fp32, contiguous memory")


BENCHMARKS: dict[str, Callable[[EnvConfig, VAEConfig], Row]] = {
    "collect": collect,
    "train_vae": train_vae,
}


def _env_steps_per_second(env: EnvConfig, spec: EnvSpec, vector: VectorEnv, envs: int) -> float:
    seeds = derive_many(0, "collect", envs)
    plans = np.stack([env.explorer(spec, seed, STEPS) for seed in seeds])
    vector.reset(seeds[:1])  # imports and first drawings are not part of the rate
    start = time.perf_counter()
    episodes = record(vector, plans, seeds)
    seconds = time.perf_counter() - start
    vector.close()
    return sum(len(episode) for _, episode in episodes) * spec.frame_skip / seconds
