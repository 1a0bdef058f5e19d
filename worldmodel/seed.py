"""Seeds derived from (run seed, purpose, index). Imports nothing of the project."""

import numpy as np

PURPOSES = ("collect", "train", "selection", "test", "split", "fit", "evolve", "dream")
_BITS = 27


def derive(seed: int, purpose: str, *index: int) -> int:
    """A 31-bit seed for one use.

    The purpose fills the top bits, so seeds of two purposes can never be equal: tracks used for
    training, selection and test are disjoint by construction, not by luck.

    Raises:
        ValueError: for a purpose that is not in `PURPOSES`.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose} is not a purpose of seeds: use one of {PURPOSES}")
    which = PURPOSES.index(purpose)
    low = np.random.SeedSequence(entropy=seed, spawn_key=(which, *index)).generate_state(1)[0]
    return (which << _BITS) | (int(low) & ((1 << _BITS) - 1))


def derive_many(seed: int, purpose: str, count: int, *index: int) -> list[int]:
    """`count` different seeds, in order."""
    seeds: dict[int, None] = {}
    i = 0
    while len(seeds) < count:
        seeds[derive(seed, purpose, *index, i)] = None
        i += 1
    return list(seeds)
