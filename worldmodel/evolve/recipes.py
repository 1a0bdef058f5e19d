"""Ways to handle the noise of the fitness in CMA-ES: how many rollouts, and how wide to search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cma
import numpy as np

from worldmodel.evolve.noise import next_rollouts
from worldmodel.types import FloatArray

# Returns (P, R) of candidates (P, n) on R fresh seeds, R being the rollouts of this generation.
Again = Callable[[FloatArray], FloatArray]


class Policy(Protocol):
    """What follows from the generations so far."""

    @property
    def rollouts(self) -> int:
        """Rollouts of each candidate of the next generation."""
        ...

    def learn(self, params: FloatArray, returns: FloatArray, again: Again) -> float:
        """Take a generation (P, n) with its returns (P, R) in; the factor for the step size."""
        ...


@dataclass(frozen=True)
class Fixed:
    """Always the same number of rollouts."""

    rollouts: int

    def __post_init__(self) -> None:
        if self.rollouts < 1:
            raise ValueError(f"a recipe's rollouts is {self.rollouts}: it must be at least 1")

    def begin(self, n_params: int, seed: int) -> Policy:
        """For one search."""
        return self

    def learn(self, params: FloatArray, returns: FloatArray, again: Again) -> float:
        """Nothing."""
        return 1.0


@dataclass(frozen=True)
class Measured:
    """As many rollouts as the variance components of the returns ask for, see `next_rollouts`."""

    rollouts: int
    max_rollouts: int
    reliability: float

    def __post_init__(self) -> None:
        if not 2 <= self.rollouts <= self.max_rollouts:
            raise ValueError(
                f"a recipe's rollouts is {self.rollouts} and its max_rollouts "
                f"{self.max_rollouts}: it needs 2 <= rollouts <= max_rollouts"
            )
        if not 0 < self.reliability < 1:
            raise ValueError(f"a recipe's reliability is {self.reliability}: use 0 to 1")

    def begin(self, n_params: int, seed: int) -> Policy:
        """For one search."""
        return _Measuring(self)


class _Measuring:
    def __init__(self, config: Measured) -> None:
        self._config = config
        self._wanted = float(config.rollouts)

    @property
    def rollouts(self) -> int:
        return round(self._wanted)

    def learn(self, params: FloatArray, returns: FloatArray, again: Again) -> float:
        config = self._config
        limits = config.rollouts, config.max_rollouts
        self._wanted = next_rollouts(self._wanted, returns, config.reliability, *limits)
        return 1.0


@dataclass(frozen=True)
class RankChanges:
    """pycma's `NoiseHandler`, after Hansen et al. 2009, "A Method for Handling Uncertainty".

    Some candidates are tried again on fresh seeds. While they change their ranks by more than
    chance would, rollouts and step size grow by 1 + 2 / (n + 10) a generation; otherwise rollouts
    shrink by the fourth root of that. They begin at `first` and stay within `least` and `most`.

    A seed that is hard for everybody changes ranks as well, since it is not the same in the second
    trial: what common random numbers take out of the fitness, this measure still sees.
    """

    least: int
    first: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.first <= self.most:
            raise ValueError(
                f"a recipe's least, first and most are {self.least}, {self.first} and {self.most}: "
                "it needs 1 <= least <= first <= most"
            )

    def begin(self, n_params: int, seed: int) -> Policy:
        """For one search."""
        return _Handling(self, n_params, seed)


class _Handling:
    def __init__(self, config: RankChanges, n_params: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        # Each candidate's mean return is one value to the handler, so it has nothing to aggregate;
        # its perturbation of candidates is for functions whose noise comes from their argument.
        self._handler = cma.NoiseHandler(
            n_params, [config.least, config.first, config.most], aggregate=None, epsilon=0
        )

    @property
    def rollouts(self) -> int:
        return int(self._handler.evaluations)

    def learn(self, params: FloatArray, returns: FloatArray, again: Again) -> float:
        # pycma minimises.
        values = (-returns.mean(1, dtype=np.float64)).tolist()
        # The handler's own number, but it would round it by numpy's global generator.
        share = 2 + len(values) / 20
        self._handler.lam_reeval = int(share) + (self._rng.random() < share % 1)
        # The handler asks for one candidate at a time; all are tried in one call before it does.
        chosen = self._handler.indices(values)
        answers = iter((-again(params[chosen]).mean(1, dtype=np.float64)).tolist())
        return float(self._handler(list(params), values, lambda _: next(answers)))


Recipe = Fixed | Measured | RankChanges
