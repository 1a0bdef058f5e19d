"""How much of a generation's noisy ranking reaches the mean of CMA-ES."""

from collections.abc import Callable

import numpy as np
from cma.recombination_weights import RecombinationWeights
from numpy.typing import NDArray

from worldmodel.evolve.noise import Reliability
from worldmodel.types import FloatArray

Weights = NDArray[np.float64]
Weigh = Callable[[Weights], Weights]


def weigh_better(fitness: Weights) -> Weights:
    """Weights (P,) by which the deviations of candidates of such a fitness move CMA-ES's mean.

    Those of the better half fall with the logarithm of the rank, the others are 0 (Hansen 2016,
    "The CMA Evolution Strategy: A Tutorial", equation 49).
    """
    weights = np.zeros(len(fitness))
    positive = RecombinationWeights(len(fitness)).positive_weights
    weights[np.argsort(-fitness, kind="stable")[: len(positive)]] = positive
    return weights


def weigh_worse(fitness: Weights) -> Weights:
    """The same, but away from the worse half."""
    return -weigh_better(-fitness)


def weigh_both(fitness: Weights) -> Weights:
    """Both: what `CMAConfig.centered` does."""
    deviation = fitness - fitness.mean()
    weights = weigh_better(np.concatenate([deviation, -deviation]))
    return weights[: len(fitness)] - weights[len(fitness) :]


def agreement(
    returns: FloatArray, groups: int, weigh: Weigh, draws: int, hard: bool = False
) -> tuple[float, float]:
    """Cosine between the weights of candidates and what they are truly worth, after one generation.

    In a generation of G groups each plays one episode; its candidates are compared with each other.
    What they are worth is measured on the other half of the episodes, and is as large as
    `Reliability.signal` says. 1 is the direction that endless rollouts would give.

    Args:
        returns: (P, R) of the candidates on the same R episodes.
        groups: G.
        weigh: makes weights (P,) of a fitness (P,).
        draws: generations that are drawn.
        hard: whether episodes are drawn more often the more the candidates differ in them, with
            weights that make up for it; how much they differ is taken as known.

    Returns:
        Mean over the draws, and its standard error; zeros where what candidates are worth can't be
        told from noise.
    """
    table = returns.astype(np.float64)
    count, episodes = table.shape
    deviation, spread = table - table.mean(0), table.std(0)
    size = np.sqrt(count * Reliability.of(returns).signal)
    if size == 0:
        return 0.0, 0.0
    rng, found = np.random.default_rng(0), []
    for _ in range(draws):
        order = rng.permutation(episodes)
        played, others = order[: episodes // 2], order[episodes // 2 :]
        chance = spread[played] / spread[played].sum() if hard else None
        chosen = rng.choice(played, groups, replace=hard, p=chance)
        fitness = np.empty(count)
        for group, episode in zip(
            np.array_split(rng.permutation(count), groups), chosen, strict=True
        ):
            own = table[group, episode] - table[group, episode].mean()
            fitness[group] = own / spread[episode] if hard else own
        weights = weigh(fitness)
        found.append(weights @ deviation[:, others].mean(1) / (np.linalg.norm(weights) * size))
    return float(np.mean(found)), float(np.std(found) / np.sqrt(draws))
