"""The dream: all rollouts in one batch against one rollout at a time in each process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from worldmodel.bench.row import Row, Setting, alternate, matrix_rate, policy
from worldmodel.dream.dynamics import DreamConfig, Dynamics, Precision
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.envs.make import make_spec
from worldmodel.evolve.cma import CMA, CMAConfig
from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.parallel import ProcessBackend
from worldmodel.run.hardware import cores

WAY = "a loop at batch 1 in each of as many processes as cores"


class PlainDream(nn.Module):
    """The dream as a loop over single steps, on torch's modules and distributions."""

    def __init__(self, z_dim: int, action_dim: int, hidden: int, components: int) -> None:
        super().__init__()
        self.hidden, self.shape = hidden, (1, z_dim, components)
        self.cell = nn.LSTMCell(z_dim + action_dim, hidden)
        self.mixture = nn.Linear(hidden, 3 * z_dim * components)
        self.reward, self.end = nn.Linear(hidden, 1), nn.Linear(hidden, 1)
        self.controller = nn.Linear(z_dim + hidden, action_dim)

    @torch.inference_mode()
    def play(self, seconds: float, temperature: float = 1.15) -> float:
        """Steps per second; a dream that ends goes on, so that every step costs the same."""
        z = torch.randn(1, self.shape[1])
        h = c = torch.zeros(1, self.hidden)
        steps, total, ends, start = 0, 0.0, 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            action = torch.tanh(self.controller(torch.cat([z, h], -1)))
            h, c = self.cell(torch.cat([z, action], -1), (h, c))
            logits, mu, log_sigma = (part.view(self.shape) for part in self.mixture(h).chunk(3, -1))
            pick = Categorical(logits=logits / temperature).sample().unsqueeze(-1)
            mean, sigma = mu.gather(-1, pick), log_sigma.gather(-1, pick).exp()
            z = (mean + sigma * temperature**0.5 * torch.randn_like(mean)).squeeze(-1)
            total += self.reward(h).item()
            ends += int(torch.sigmoid(self.end(h)).item() > 0.5)
            steps += 1
        return steps / (time.perf_counter() - start)


@dataclass(frozen=True)
class _PlainJob:
    seconds: float


def _make_plain(sizes: tuple[int, int, int, int]) -> Callable[[_PlainJob], float]:
    dream = PlainDream(*sizes)
    dream.play(0.2)
    return lambda job: dream.play(job.seconds)


def dream(setting: Setting, precision: Precision = "fp32") -> Row:
    """Dreamt agent steps per second of whole rollouts with C in them."""
    world, controller = _world(setting, precision)
    sizes, count = setting.sizes, setting.sizes.candidates * setting.sizes.rollouts
    params = np.zeros((sizes.candidates, controller.n_params), np.float32)
    seeds = list(range(sizes.rollouts))
    took = alternate({"ours": lambda: world.evaluate(params, seeds, generation=0)}, 3)["ours"]
    rate = count * sizes.dream_steps / took
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    share = rate * _operations(setting) / matrix_rate(setting.device, dtype)
    return Row(rate, _plain_rate(setting), "steps/s", WAY, share)


def generation(setting: Setting) -> Row:
    """Generations of CMA-ES per hour: ask, dream all rollouts of all candidates, tell."""
    world, controller = _world(setting)
    sizes = setting.sizes
    search = CMA(CMAConfig(sizes.candidates, 0.1), controller.n_params, seed=0)
    seeds = list(range(sizes.rollouts))

    def ours() -> None:
        returns, _ = world.evaluate(search.ask(), seeds, generation=0)
        search.tell(returns.mean(1))

    took = alternate({"ours": ours}, 3)["ours"]
    steps = sizes.candidates * sizes.rollouts * sizes.dream_steps
    return Row(3600 / took, 3600 * _plain_rate(setting) / steps, "generations/h", WAY)


def _world(setting: Setting, precision: Precision = "fp32") -> tuple[DreamWorld, Controller]:
    spec, z_dim = make_spec(setting.env), setting.vae.z_dim
    torch.manual_seed(0)
    mdnrnn = MDNRNN(setting.mdnrnn, z_dim, spec.action_dim)
    controller = policy(setting, spec).controller()
    first = Starts.first_frames(torch.randn(100, z_dim), torch.full((100, z_dim), -2.0))
    steps = setting.sizes.dream_steps
    never = DreamConfig(1.15, "threshold", 1.0, steps, None, 0.0, None, 0.0, precision)
    if not setting.mdnrnn.reward_head:
        never = replace(never, step_reward=1.0)
    dynamics = Dynamics(mdnrnn, first, never, 1, setting.device)
    return DreamWorld(dynamics, controller), controller


def _operations(setting: Setting) -> float:
    """Floating-point operations of one step's matrix products."""
    model = MDNRNN(setting.mdnrnn, setting.vae.z_dim, make_spec(setting.env).action_dim)
    return 2.0 * sum(weight.numel() for weight in model.parameters() if weight.ndim == 2)


def _plain_rate(setting: Setting) -> float:
    config = setting.mdnrnn
    action_dim = make_spec(setting.env).action_dim
    sizes = setting.vae.z_dim, action_dim, config.hidden, config.components
    pool = ProcessBackend(cores())
    jobs = [_PlainJob(setting.sizes.seconds)] * cores()
    try:
        return sum(rate for _, rate in pool.map(partial(_make_plain, sizes), jobs))
    finally:
        pool.close()
