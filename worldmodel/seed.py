"""Seeds derived from (run seed, purpose, index). Imports nothing of the project."""

import numpy as np

PURPOSES = ("collect", "train", "selection", "test", "split", "fit", "evolve", "dream", "infer",
            "page")  # fmt: skip
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


# Use of a seed -> the number that tells its generator from the others. Not the bare seed: gymnasium
# makes the environment's own generator from it, and the explorer's actions would follow from where
# the episode begins. Nor 0: numpy takes (seed, 0) for the bare seed.
STREAMS = {
    "holds": 1,  # ActionRepeat: for how long each action is held
    "longest_hold": 2,  # VariedRepeat: the longest one of the episode
    "turns": 3,  # MixedActor: when the explorer takes over
    "replay": 4,  # collect, of the run's seed: which episodes of another run are taken
    "agent_noise": 5,  # MixedActor: what is added to the controller's parameters
    "explorer": 6,  # its actions
    "kills": 8,  # of a campaign: when a command is killed, and which of its processes
    "sample_z": 7,  # Agent: draws from V's posterior
    "candidates": 9,  # measure_noise: around the agent
}


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one use of a seed: independent of those for its other uses.

    Raises:
        ValueError: for a purpose that is not in `STREAMS`.
    """
    if purpose not in STREAMS:
        raise ValueError(f"{purpose} is not a stream of a seed: use one of {tuple(STREAMS)}")
    return np.random.default_rng((seed, STREAMS[purpose]))
