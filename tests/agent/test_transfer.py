"""C goes on as it acted when V and M change beneath it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.agent.transfer import transfer
from worldmodel.data.episodes import EpisodeStore
from worldmodel.models.controller import ControllerConfig
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.types import EnvSpec, Episode

Z, HIDDEN = 4, 8


def spec(n_actions):
    bounds = (None, None) if n_actions else ((-1.0, 0.0), (1.0, 1.0))
    squash = () if n_actions else ("scale", "scale")
    return EnvSpec("x", (64, 64, 3), *bounds, n_actions, squash, 99, 1, None, None)


@pytest.fixture(params=[None, 3])
def agent(request, small):
    torch.manual_seed(0)
    vae = VAE(VAEConfig(Z, 0.5, (4, 8, 8, 16), (8, 8, 4)))
    with torch.no_grad():
        vae.to_mu.weight *= 50  # latents that differ from frame to frame
    kind = spec(request.param)
    mdnrnn = MDNRNN(small.mdnrnn.config, Z, kind.action_dim)
    config = ControllerConfig(("z", "h"), True, False, False)
    policy = Policy.zeros(config, kind, np.zeros(Z + HIDDEN, np.float32))
    generator = torch.Generator().manual_seed(1)
    params = torch.randn(len(policy.params), generator=generator)
    return Agent(vae, mdnrnn, policy.with_params(params.numpy()))


@pytest.fixture
def store(agent, tmp_path):
    rng = np.random.default_rng(0)
    kind = agent.controller.spec
    store = EpisodeStore.create(tmp_path, {"spec": kind.to_dict(), "newest_from": 1}, 1)
    for index, steps in enumerate((3, 60, 20, 90)):
        colours = rng.integers(0, 256, (steps + 1, 2, 2, 3), np.uint8)
        obs = colours.repeat(32, 1).repeat(32, 2)
        action = rng.uniform(0, 1, (steps, kind.action_dim)).astype(np.float32)
        no = np.zeros(steps, bool)
        store.write(index, Episode(obs, action, np.zeros(steps, np.float32), no, no, seed=index))
    return store


def retrained(agent):
    """The same V and M but for the order and the scale of z."""
    vae, mdnrnn = copy.deepcopy(agent.vae), copy.deepcopy(agent.mdnrnn)
    order, scale = torch.tensor([2, 0, 3, 1]), torch.tensor([0.5, 2.0, 3.0, -1.0])
    weight = next(mdnrnn.sequence.rnn.parameters())
    with torch.no_grad():
        vae.to_mu.weight.copy_(vae.to_mu.weight[order] * scale[:, None])
        vae.to_mu.bias.copy_(vae.to_mu.bias[order] * scale)
        weight[:, :Z] = weight[:, :Z][:, order] / scale
    offset = np.linspace(-1, 1, Z + HIDDEN, dtype=np.float32)
    return Agent(vae, mdnrnn, replace(agent.policy, offset=offset))


def test_it_acts_on_the_new_latents_as_on_the_old(agent, store):
    params, now = agent.policy.params, retrained(agent)
    fitted, missed = transfer(agent, now, store)
    assert missed.max() < 0.05
    outputs = []
    for one, weights in ((agent, params), (now, fitted), (now, params)):
        playing = one.rollouts(weights[None], 1, [0])
        obs = store.read(3).obs
        outputs.append(np.stack([playing.act(frame[None], np.arange(1))[0] for frame in obs[:30]]))
    was, carried, left = outputs
    assert np.square(carried - was).mean() < 0.1 * np.square(left - was).mean()


def test_it_learns_from_the_newest_episodes(agent, store, monkeypatch):
    read = []
    original = EpisodeStore.read
    monkeypatch.setattr(EpisodeStore, "read", lambda s, i: read.append(i) or original(s, i))
    transfer(agent, retrained(agent), store)
    assert read == [1, 2, 3]
