"""The mean of what C sees, over the encoded episodes."""

import torch
from torch import Tensor

from worldmodel.data.latents import LatentStore
from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN

EPISODES = 64  # evenly spread over the store; plenty for a mean


@torch.inference_mode()
def mean_features(controller: Controller, mdnrnn: MDNRNN, store: LatentStore) -> Tensor:
    """Mean (F,) of the controller's features while M watches stored episodes."""
    indices = store.indices()
    total, count = torch.zeros(controller.n_features), 0
    for index in indices[:: max(1, len(indices) // EPISODES)]:
        episode = store.episode(index)
        mu, action = torch.tensor(episode.mu[:-1]), torch.tensor(episode.action)
        state = mdnrnn.initial_state(1)
        for t in range(len(action)):
            parts = {"z": mu[t : t + 1], "h": state[0], "c": state[1]}
            total += controller.features(parts)[0]
            state = mdnrnn.advance(mu[t : t + 1], action[t : t + 1], state)
        count += len(action)
    return total / count
