"""Mean and principal components of what C sees, over the encoded episodes."""

import torch
from torch import Tensor

from worldmodel.data.latents import LatentStore
from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN

EPISODES = 64  # evenly spread over the store; plenty for a mean


@torch.inference_mode()
def seen_features(controller: Controller, mdnrnn: MDNRNN, store: LatentStore) -> Tensor:
    """Features (N, F), not centred, that the controller sees while M watches stored episodes."""
    indices = store.indices()
    rows = []
    for index in indices[:: max(1, len(indices) // EPISODES)]:
        episode = store.episode(index)
        mu, action = torch.tensor(episode.mu[:-1]), torch.tensor(episode.action)
        state = mdnrnn.initial_state(1)
        for t in range(len(action)):
            rows.append(controller.joined({"z": mu[t : t + 1], "h": state[0], "c": state[1]}))
            state = mdnrnn.advance(mu[t : t + 1], action[t : t + 1], state)
    return torch.cat(rows)


def principal_axes(features: Tensor, count: int) -> Tensor:
    """Axes (F, count) on which centred features (N, F) have unit variance and no correlation.

    The first is the direction of greatest variance, and so on.
    """
    centred = (features - features.mean(0)).double()
    variance, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variance, directions = variance.flip(0)[:count], directions.flip(1)[:, :count]
    return (directions / variance.clamp(min=1e-8).sqrt()).float()
