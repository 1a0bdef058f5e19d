"""Agents with small random models, packed for a page as a trained one is."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from page_engines import RNN

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.dream.dynamics import DreamConfig
from worldmodel.dream.places import FILE, Places
from worldmodel.models.controller import ControllerConfig
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.page.starts import REEL, Reel
from worldmodel.types import EnvSpec

CAR = EnvSpec("Car", (64, 64, 3), (-1.0, 0.0), (1.0, 1.0), None, ("scale", "clip*0.5"), 40, 4,
              None, None)  # fmt: skip
KEYS = EnvSpec("Keys", (64, 64, 3), None, None, 18, (), 40, 4, None, None)
DREAM = DreamConfig(1.0, "threshold", 0.5, 80, None, 0.0, None, 0.0, "fp32")


class PageAgent(Agent):
    """V, M and C with what a page has to know beside them."""

    def __init__(self, vae, mdnrnn, policy, folder, dream):
        super().__init__(vae, mdnrnn, policy)
        self.origin = SimpleNamespace(name=folder.name, seed=0, stage=lambda name: folder / name)
        self._dream = dream

    def dream_config(self):
        return self._dream


def page_agent(folder, spec=CAR, *, z=4, starts=3, steps=6, still=False, end=None, vae=None,
               controller=None, dream=DREAM, **changes):  # fmt: skip
    """An agent with its places and a reel of so many steps, none for 0, below `folder`.

    `still` has all its latents the same; `end` is the logit that M gives to the end at every step;
    `changes` are of M's config.
    """
    torch.manual_seed(0)
    config = vae or VAEConfig(z, 0.5, (4, 8, 8, 16), (8, 8, 4))
    v = VAE(config).eval()
    if config.moving_nats is not None:
        v.mean_frame.uniform_()
    m = MDNRNN(replace(RNN, **changes), z, spec.action_dim).eval()
    if end is not None:
        head = m.sequence.heads["end"].linear
        head.weight.data.zero_()
        head.bias.data.fill_(end)
    inputs = controller or ControllerConfig(("z", "h"), True, False, False)
    size = sum({"z": z, "h": m.config.hidden, "c": m.config.hidden}[name] for name in inputs.inputs)
    policy = Policy.zeros(inputs, spec, np.zeros(size, np.float32))
    policy = policy.with_params(torch.randn(policy.params.shape).numpy())
    draw = np.random.default_rng(2)
    first = torch.ones(starts, z) if still else torch.randn(starts, z)
    hidden, cell = torch.zeros(2, starts, m.config.hidden).unbind()
    agent = PageAgent(v, m, policy, folder, dream)
    Places(first, hidden.clone(), cell.clone(), torch.ones(starts, 1)).write(folder / "page" / FILE)
    if steps:
        chosen = draw.integers(spec.action_dim, size=steps)
        action = np.eye(spec.action_dim, dtype=np.float32)[chosen]
        frames = draw.integers(256, size=(steps + 1, 64, 64, 3), dtype=np.uint8)
        mu = np.ones((steps + 1, z), np.float32) if still else draw.standard_normal((steps + 1, z))
        Reel(frames, action, np.ones(steps, np.float32), mu.astype(np.float32)).write(
            folder / "page" / REEL
        )
    return agent
