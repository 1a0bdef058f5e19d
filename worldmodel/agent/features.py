"""What C sees while M follows episodes: its mean and its principal components."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from worldmodel.data.latents import LatentStore
from worldmodel.models.controller import ControllerConfig, concat
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.types import FloatArray

EPISODES = 64  # evenly spread over the store; plenty for a mean

See = Callable[[dict[str, Tensor]], Tensor]


def fit_feature_axes(
    config: ControllerConfig, mdnrnn: MDNRNN, store: LatentStore
) -> tuple[FloatArray, FloatArray | None]:
    """Mean (F,) and axes (F, K) of the features over stored episodes; no axes without components.

    Raises:
        ValueError: if there are fewer features (F) than `config.components`.
    """
    seen = stored_features(config.inputs, mdnrnn, store)
    offset = seen.mean(0).numpy()
    if config.components is None:
        return offset, None
    if config.components > len(offset):
        raise ValueError(
            f"controller.components is {config.components}: there are {len(offset)} features"
        )
    return offset, principal_axes(seen, config.components).numpy()


@torch.inference_mode()
def stored_features(inputs: Sequence[str], mdnrnn: MDNRNN, store: LatentStore) -> Tensor:
    """Features (N, F), not centred, of the `inputs` while M follows stored episodes."""
    indices = store.indices()
    chosen = [store.episode(i) for i in indices[:: max(1, len(indices) // EPISODES)]]
    mu = [torch.tensor(episode.mu[:-1]) for episode in chosen]
    action = [torch.tensor(episode.action) for episode in chosen]
    return feature_sequence(lambda parts: concat(inputs, parts), mdnrnn, mu, action)


def feature_sequence(see: See, mdnrnn: MDNRNN, mu: list[Tensor], action: list[Tensor]) -> Tensor:
    """What `see` makes (N, F) of z and M's state at all steps of episodes, which go side by side.

    Args:
        see: {"z": (B, Z), "h": (B, H), "c": (B, H)} to (B, F).
        mdnrnn: follows the episodes.
        mu: (T, Z) of each episode.
        action: (T, A) of each.
    """
    steps = torch.arange(max(map(len, mu)))[:, None] < torch.tensor([len(one) for one in mu])
    state = mdnrnn.initial_state(len(mu))
    seen = []
    for z, acted in zip(pad_sequence(mu), pad_sequence(action), strict=True):
        seen.append(see({"z": z, "h": state[0], "c": state[1]}))
        state = mdnrnn.advance(z, acted, state)
    return torch.stack(seen)[steps]


def principal_axes(features: Tensor, count: int) -> Tensor:
    """Axes (F, count) on which centred features (N, F) have unit variance and no correlation.

    The first is the direction of greatest variance, and so on.
    """
    centred = (features - features.mean(0)).double()
    variance, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variance, directions = variance.flip(0)[:count], directions.flip(1)[:, :count]
    return (directions / variance.clamp(min=1e-8).sqrt()).float()
