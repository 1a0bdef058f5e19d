"""Engines of a page with small models, and an environment that shows what is done."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from worldmodel.agent.policy import Policy
from worldmodel.dream.places import Places
from worldmodel.models.controller import ControllerConfig
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.page.engine import Engine
from worldmodel.page.starts import Reel
from worldmodel.types import EnvSpec

Z, HIDDEN, STARTS, STEPS = 4, 8, 3, 6
RNN = MDNRNNConfig(HIDDEN, 2, "per_dim", -7.0, 3.0, True, True, False, 1.0, 1.0, 1.0, 10.0)
CAR = EnvSpec("Car", (64, 64, 3), (-1.0, 0.0), (1.0, 1.0), None, ("scale", "clip*0.5"), 40, 4,
              None, None)  # fmt: skip
KEYS = EnvSpec("Keys", (64, 64, 3), None, None, 3, (), 40, 4, None, None)
DREAM = {"temperature": 1.0, "end": "never", "end_threshold": 0.5, "max_steps": 5,
         "step_reward": None}  # fmt: skip


class Shades(gym.Env):
    """Frames whose shade is drawn from the seed; it ends at the third step and pays the action."""

    def __init__(self) -> None:
        self.closed, self.done = False, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.done = []
        return self._frame(), {}

    def step(self, action):
        self.done.append(action)
        return self._frame(), float(np.sum(action)), len(self.done) == 3, False, {}

    def close(self):
        self.closed = True

    def _frame(self):
        return np.full((64, 64, 3), self.np_random.integers(256), np.uint8)


def models(spec: EnvSpec = CAR, **changes: Any) -> tuple[VAE, MDNRNN, Policy]:
    """V, M (its config with `changes`) and C, with random weights."""
    torch.manual_seed(0)
    vae = VAE(VAEConfig(Z, 0.5, (4, 8, 8, 16), (8, 8, 4))).eval()
    mdnrnn = MDNRNN(replace(RNN, **changes), Z, spec.action_dim).eval()
    config = ControllerConfig(("z", "h"), True, False, False)
    policy = Policy.zeros(config, spec, np.zeros(Z + HIDDEN, np.float32))
    return vae, mdnrnn, policy.with_params(torch.randn(policy.params.shape).numpy())


def places() -> Places:
    """The first is a first frame."""
    draw = torch.Generator().manual_seed(1)
    z, hidden, cell = (torch.randn(STARTS, size, generator=draw) for size in (Z, HIDDEN, HIDDEN))
    return Places(z, hidden, cell, torch.tensor([[1.0], [0.0], [0.0]]))


def reel(spec: EnvSpec = CAR) -> Reel:
    draw = np.random.default_rng(2)
    action = np.eye(spec.action_dim, dtype=np.float32)[draw.integers(spec.action_dim, size=STEPS)]
    frames = draw.integers(256, size=(STEPS + 1, 64, 64, 3), dtype=np.uint8)
    mu = draw.standard_normal((STEPS + 1, Z), np.float32)
    return Reel(frames, action, np.arange(STEPS, dtype=np.float32), mu)


def engine(
    spec: EnvSpec = CAR,
    dream: dict[str, Any] | None = None,
    make_env: Any = None,
    with_reel: bool = True,
    **changes: Any,
) -> Engine:
    """An engine; `dream` over DREAM, `changes` over M's config."""
    about = {"name": "small", "dream": DREAM | (dream or {})}
    film = reel(spec) if with_reel else None
    return Engine(*models(spec, **changes), places(), film, about, make_env)
