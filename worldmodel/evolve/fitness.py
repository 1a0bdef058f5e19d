"""What candidates are worth: tried in one world, or in the dream and in reality together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from worldmodel.evolve.noise import Reliability
from worldmodel.types import FloatArray, IntArray, UserError, World

Seeds = Sequence[Sequence[int]]  # those of each group of candidates


@dataclass(frozen=True)
class Trial:
    """Outcome of one generation.

    `returns` and `lengths` (P, R) are those of the rollouts that rank the candidates; where groups
    played seeds of their own, what these were worth to everybody is taken out of the returns.
    `pairs` (P, 2) holds every candidate's mean return in the dream and in reality where both are
    known.
    """

    fitness: FloatArray  # (P,)
    returns: FloatArray
    lengths: IntArray
    env_steps: int
    dream_steps: int
    figures: Mapping[str, float] = field(default_factory=dict)
    pairs: FloatArray | None = None


class Fitness(Protocol):
    """Tries the candidates of a generation; `dream` is where dream scores are measured."""

    dream: World | None

    def test(self, params: FloatArray, seeds: Seeds, generation: int) -> Trial:
        """Try candidates (P, n), in G groups of equal size or nearly, on the seeds (G, R)."""
        ...

    def state(self) -> dict[str, Any]:
        """All that the next generation depends on; plain types."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        ...


class InWorld:
    """The mean return in one world.

    Args:
        world: where.
        real: whether its steps are those of the real environment.
    """

    def __init__(self, world: World, real: bool) -> None:
        self._world, self._real = world, real
        self.dream = None if real else world

    def test(self, params: FloatArray, seeds: Seeds, generation: int) -> Trial:
        """Try candidates (P, n), in G groups of equal size or nearly, on the seeds (G, R)."""
        groups = list(zip(np.array_split(params, len(seeds)), seeds, strict=True))
        tried = self._world.evaluate_groups(groups, generation=generation)
        returns = _remove_seed_effect([returns for returns, _ in tried])
        lengths = np.concatenate([lengths for _, lengths in tried])
        steps = int(lengths.sum())
        counts = (steps, 0) if self._real else (0, steps)
        return Trial(returns.mean(1), returns, lengths, *counts)

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class HybridConfig:
    """How much is dreamt and how much is real.

    The first `dream_generations` are dreamt alone. From then on every candidate plays
    `real_rollouts` of its seeds in the real environment as well, until dream and reality agree less
    than `least_agreement`: from there on all is real. (1 goes over to reality at once after the
    dream, -1 never.) `memory` is the weight of earlier generations in what is estimated.
    """

    dream_generations: int
    real_rollouts: int
    least_agreement: float
    memory: float

    def __post_init__(self) -> None:
        if self.dream_generations < 0:
            raise ValueError(
                f"world.hybrid.dream_generations is {self.dream_generations}: it can't be negative"
            )
        if self.real_rollouts < 2:
            raise ValueError(
                f"world.hybrid.real_rollouts is {self.real_rollouts}: it must be at least 2, since "
                "one rollout shows no noise"
            )
        if not -1 <= self.least_agreement <= 1:
            raise ValueError(f"world.hybrid.least_agreement is {self.least_agreement}: use -1 to 1")
        if not 0 <= self.memory < 1:
            raise ValueError(f"world.hybrid.memory is {self.memory}: use 0 or more, less than 1")

    def check(self, rollouts: int) -> None:
        """Raises UserError if `rollouts` of a candidate are too few to tell how noisy they are."""
        if rollouts < 2 and self.least_agreement < 1:
            raise UserError(
                f"evolve.rollouts is {rollouts}: world=hybrid compares a candidate's episodes, so "
                "use 2 or more."
            )


class Hybrid:
    """Dreamt and real returns, put together to the best linear guess of the true real score.

    A candidate's real mean r is its true score plus noise; its dreamt mean d goes with the true
    score as far as M is right. Over the candidates, cov(score, r) = var(score), which the rollouts'
    own scatter tells (see `Reliability`), and cov(score, d) = cov(r, d), since the noise of r knows
    nothing of the dream. So both weights follow from measured moments, and a dream that misleads
    gets none.

    Args:
        dream: M's predictions.
        real: the environment.
        config: shares and bounds.
    """

    def __init__(self, dream: World, real: World, config: HybridConfig) -> None:
        self.dream: World | None = dream
        self._in_dream, self._in_real = InWorld(dream, False), InWorld(real, True)
        self._config = config
        self._moments = np.zeros(4)  # var(score), var(r), var(d), cov(r, d)
        self._weight = 0.0
        self._real_alone = False

    def test(self, params: FloatArray, seeds: Seeds, generation: int) -> Trial:
        """Try candidates (P, n), in G groups of equal size or nearly, on the seeds (G, R)."""
        if generation < self._config.dream_generations:
            return self._in_dream.test(params, seeds, generation)
        if self._real_alone or self._config.least_agreement == 1:
            return self._in_real.test(params, seeds, generation)
        dreamt = self._in_dream.test(params, seeds, generation)
        few = [own[: self._config.real_rollouts] for own in seeds]
        real = self._in_real.test(params, few, generation)
        pairs = np.stack([dreamt.fitness, real.fitness], 1)
        self._learn(pairs, real.returns)
        figures = {
            "hybrid/correlation": _correlation(*np.cov(pairs.T)[[0, 1, 0], [0, 1, 1]]),
            "hybrid/agreement": self.agreement,
            "hybrid/dream_weight": float(self._weights()[1]),
        }
        self._real_alone = self.agreement < self._config.least_agreement
        return Trial(
            self._fuse(pairs),
            real.returns,
            real.lengths,
            real.env_steps,
            dreamt.dream_steps,
            figures,
            pairs,
        )

    @property
    def agreement(self) -> float:
        """Correlation of dreamt means with true real scores, freed of the noise; nan if unknown."""
        score, _, dream, both = self._moments
        return float(np.clip(_correlation(score, dream, both), -1, 1))

    def state(self) -> dict[str, Any]:
        """Moments so far, and whether the dream was left."""
        moments = self._moments.tolist()
        return {"moments": moments, "weight": self._weight, "real_alone": self._real_alone}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        self._moments = np.array(state["moments"])
        self._weight, self._real_alone = state["weight"], state["real_alone"]

    def _learn(self, pairs: FloatArray, returns: FloatArray) -> None:
        (dream, both), (_, real) = np.cov(pairs.T.astype(np.float64))
        new = np.array([Reliability.of(returns).signal, real, dream, both])
        kept = self._config.memory * self._weight
        self._moments = (kept * self._moments + new) / (kept + 1)
        self._weight = kept + 1

    def _weights(self) -> FloatArray:
        """Of r and of d, in the best linear guess."""
        score, real, dream, both = self._moments
        matrix = np.array([[real, both], [both, dream]])
        if np.linalg.det(matrix) <= 1e-9 * real * dream or both <= 0:
            return np.array([1.0, 0.0], np.float32)
        # No score can go with the dream more than its own variance allows.
        score = max(score, both**2 / dream)
        # Neither is negative but for rounding.
        return np.linalg.solve(matrix, [score, both]).clip(min=0).astype(np.float32)

    def _fuse(self, pairs: FloatArray) -> FloatArray:
        dream, real = pairs.T
        of_real, of_dream = self._weights()
        return real.mean() + of_real * (real - real.mean()) + of_dream * (dream - dream.mean())


def _remove_seed_effect(returns: Sequence[FloatArray]) -> FloatArray:
    """Groups of returns, each (p, R), as one (P, R): hard seeds don't count against a group."""
    if len(returns) == 1:
        return returns[0]
    overall = np.concatenate(returns).mean()
    return np.concatenate([group - group.mean(0) + overall for group in returns])


def _correlation(one: float, two: float, both: float) -> float:
    scale = math.sqrt(max(one, 0) * max(two, 0))
    return float(both / scale) if scale > 0 else math.nan
