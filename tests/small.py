"""A small trained-looking world: real environments, small models with random weights."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.config import CONF, build
from worldmodel.envs.make import make_spec
from worldmodel.models.controller import Controller, ControllerConfig
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.rollout.real import PlayerConfig
from worldmodel.run import checkpoint
from worldmodel.types import FloatArray

RNN = MDNRNNConfig(8, 2, "per_dim", -7.0, 3.0, True, True, False, 1.0, 1.0, 1.0, 10.0)


@dataclass
class Small:
    env: Any
    spec: Any
    vae: VAE
    mdnrnn: MDNRNN
    policy: Policy
    player: PlayerConfig
    controller: Controller

    def agent(self, params: FloatArray | None = None) -> Agent:
        """With other parameters (n,) than zeros, if there are any."""
        policy = self.policy if params is None else self.policy.with_params(params)
        return Agent(self.vae, self.mdnrnn, policy)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Small:
    folder: Path = tmp_path_factory.mktemp("models")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        env = build(compose("collect", ["name=x", "env=cart_pole"]).env)
    env = replace(env, max_episode_steps=30)
    spec = make_spec(env)
    torch.manual_seed(0)
    vae = VAE(VAEConfig(4, 0.5, (4, 8, 8, 16), (8, 8, 4))).eval()
    mdnrnn = MDNRNN(RNN, 4, spec.action_dim).eval()
    checkpoint.save(
        folder / "vae.pt",
        {"about": {"kind": "vae", **asdict(vae.config)}, "weights": vae.state_dict()},
    )
    about = {"kind": "mdnrnn", **asdict(RNN), "z_dim": 4, "action_dim": spec.action_dim}
    checkpoint.save(folder / "mdnrnn.pt", {"about": about, "weights": mdnrnn.state_dict()})
    config = ControllerConfig(("z", "h"), True, False, False)
    policy = Policy.zeros(config, spec, np.zeros(12, np.float32))
    files = folder / "vae.pt", folder / "mdnrnn.pt"
    player = PlayerConfig(env, policy, *files, vector="gymnasium", threads=1)
    return Small(env, spec, vae, mdnrnn, policy, player, policy.controller())
