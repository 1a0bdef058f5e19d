"""Rates of the inner loops, ours against the naive way, measured in one run."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import GymVector, make_vector
from worldmodel.mdn import Mixture
from worldmodel.models.vae import VAEConfig
from worldmodel.rollout.collect import record
from worldmodel.seed import derive_many
from worldmodel.train.plain import training_speed
from worldmodel.types import EnvSpec, VectorEnv

ENVS = 32
STEPS = 100
VECTORS = 4096
COMPONENTS = 5
ROUNDS = 21


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


def mixture(env: EnvConfig, vae: VAEConfig) -> Row:
    """Vectors per second through the log-density of M's mixture and its gradient."""

    def torchs(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
        parts = Normal(mu, log_sigma.exp())
        return Independent(MixtureSameFamily(Categorical(logits=logits), parts), 1).log_prob(value)

    return _densities(vae.z_dim, torchs, "torch.distributions.MixtureSameFamily")


def mixture_formula(env: EnvConfig, vae: VAEConfig) -> Row:
    """The same against the formula alone, without an object or a check."""

    def formula(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
        distance = (value.unsqueeze(-1) - mu) * torch.exp(-log_sigma)
        density = -0.5 * distance.square() - log_sigma - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(logits.log_softmax(-1) + density, -1).sum(-1)

    return _densities(vae.z_dim, formula, "the bare formula, K last")


def _densities(dim: int, naive: Callable[..., Tensor], way: str) -> Row:
    generator = torch.Generator().manual_seed(0)
    # With K last in memory, which suits the others better than what our heads put out.
    raw = [torch.randn(VECTORS, dim, COMPONENTS, generator=generator) for _ in range(3)]
    value = torch.randn(VECTORS, dim, generator=generator)

    def ours(logits: Tensor, mu: Tensor, log_sigma: Tensor, value: Tensor) -> Tensor:
        return Mixture(logits, mu, log_sigma, "per_dim").log_prob(value)

    ways: dict[str, Callable[..., Tensor]] = {"ours": ours, "naive": naive}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, log_prob in ways.items():  # in turns, so that a busy moment hits both
            given = [parameter.clone().requires_grad_() for parameter in raw]
            start = time.perf_counter()
            log_prob(*given, value).mean().backward()
            seconds[name].append(time.perf_counter() - start)
    fast, slow = (VECTORS / statistics.median(seconds[name][1:]) for name in ways)
    return Row(fast, slow, "vectors/s", way)


BENCHMARKS: dict[str, Callable[[EnvConfig, VAEConfig], Row]] = {
    "collect": collect,
    "train_vae": train_vae,
    "mixture": mixture,
    "mixture_formula": mixture_formula,
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
