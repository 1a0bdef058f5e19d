"""C carried over to a V and an M that were trained on: the same answers to the same frames."""

import torch
from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.agent.features import feature_sequence
from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.split import newest
from worldmodel.types import Episode, FloatArray

EPISODES = 48  # of the newest, evenly spread; plenty for a linear fit
RIDGE = 1e-3  # pull towards the parameters as they are, in units of the features' mean square
SLOPE = 0.05  # least weight of an answer that the action's limits cut off
FRAMES = 250  # encoded at a time


@torch.inference_mode()
def transfer(was: Agent, now: Agent, store: EpisodeStore) -> tuple[FloatArray, FloatArray]:
    """Parameters with which `now` acts on stored frames as `was` does with its own.

    Training V and M on turns what C reads into something else, and a C that drove is lost. Being
    linear, it can be fitted to its own answers: ridge regression from the new features to the old
    logits, each weighted by how much it moves the action. Where the frames leave open what a weight
    should be, it stays as it was.

    Args:
        was: V, M and C before; C is linear.
        now: V, M and C after; C is linear too.
        store: episodes that both follow.

    Returns:
        Parameters (n',) and the root mean square differences (action_dim,) of the actions.
    """
    indices = newest(store.indices(), store.newest_from) or store.indices()
    episodes = [store.read(index) for index in indices[:: -(-len(indices) // EPISODES)]]
    old, new = (_features(agent, episodes).unsqueeze(0) for agent in (was, now))
    params = torch.tensor(was.policy.params)
    logits = was.controller.logits(params[None], old)[0]
    before = now.controller.rebase(params, was.controller.offset, was.controller.axes)
    fitted = _fit(before, new[0].double(), logits.double(), now.controller.spec.discrete)
    wanted, got = was.controller.act(params[None], old), now.controller.act(fitted[None], new)
    return fitted.numpy(), (got - wanted)[0].square().mean(0).sqrt().numpy()


def _features(agent: Agent, episodes: list[Episode]) -> Tensor:
    """Features (N, F) that C sees at all their steps."""
    obs = [torch.from_numpy(episode.obs[:-1]) for episode in episodes]
    mu = [torch.cat([agent.vae.encode(part)[0] for part in one.split(FRAMES)]) for one in obs]
    action = [torch.from_numpy(episode.action) for episode in episodes]
    return feature_sequence(agent.controller.features, agent.mdnrnn, mu, action)


def _fit(before: Tensor, features: Tensor, logits: Tensor, discrete: bool) -> Tensor:
    """Weighted ridge regression (n,) of logits (N, A), pulled to the parameters `before` (n,)."""
    design = torch.cat([features, features.new_ones(len(features), 1)], 1)
    slope = torch.ones_like(logits) if discrete else (1 - logits.tanh().square()).clamp(min=SLOPE)
    pull = RIDGE * design.square().mean() * torch.eye(design.shape[1], dtype=design.dtype)
    actions = logits.shape[1]
    weights, biases = before[:-actions].view(actions, -1), before[-actions:, None]
    kept = torch.cat([weights, biases], 1).double()
    left = logits - design @ kept.T
    columns = []
    for weight, wanted in zip(slope.square().T, left.T, strict=True):
        weighted = design.T * weight
        matrix = weighted @ design + weight.sum() * pull
        columns.append(torch.linalg.solve(matrix, weighted @ wanted))
    solution = kept + torch.stack(columns)
    return torch.cat([solution[:, :-1].flatten(), solution[:, -1]]).float()
