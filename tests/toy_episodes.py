"""Small episodes whose every frame tells where it comes from."""

import numpy as np

from worldmodel.data.episodes import EpisodeStore
from worldmodel.types import EnvSpec, Episode

SPEC = EnvSpec("Toy-v0", (8, 8, 3), (-1.0,), (1.0,), None, ("scale",), 1000, 1, None, None)


def make_episode(index: int, steps: int) -> Episode:
    """Frame t of episode i holds i in its red and t in its green and blue channels."""
    obs = np.zeros((steps + 1, 8, 8, 3), np.uint8)
    obs[..., 0] = index
    obs[..., 1] = (np.arange(steps + 1) % 256)[:, None, None]
    obs[..., 2] = (np.arange(steps + 1) // 256)[:, None, None]
    terminated = np.zeros(steps, bool)
    terminated[-1] = index % 2 == 0
    return Episode(
        obs=obs,
        action=np.linspace(-1, 1, steps, dtype=np.float32)[:, None] + index,
        reward=np.arange(steps, dtype=np.float32) + 100 * index,
        terminated=terminated,
        truncated=np.arange(steps) == (steps - 1 if index % 2 else -1),
        seed=1000 + index,
    )


def fill(root, lengths, **metadata) -> EpisodeStore:
    store = EpisodeStore.create(root, {"spec": SPEC.to_dict(), **metadata}, 1)
    for index, steps in enumerate(lengths):
        store.write(index, make_episode(index, steps))
    return store
