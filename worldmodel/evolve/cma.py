"""CMA-ES (pycma, full covariance) with an exact and safe checkpoint."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cma
import numpy as np
import torch
from numpy.typing import NDArray

from worldmodel.types import FloatArray, UserError

MOST_SIGMA = 1e6  # with more, what a controller computes is not finite any more


@dataclass(frozen=True)
class CMAConfig:
    """`popsize` candidates a generation; `sigma` is the first standard deviation.

    The step size never falls below `min_sigma`: where noise ranks the candidates it would shrink
    for no good reason, and the smaller it is, the more of the ranking is noise. Nor does it exceed
    `sigma`, halved every `half_life` generations (null: it is free): what a wide search finds is
    good on average over that width, and the mean alone, which is deployed, can be better.

    With `centered` the worse half moves the mean away as the better half draws it near: deviations
    of the fitness of either sign count alike, as in natural evolution strategies (Wierstra et al.
    2014, "Natural Evolution Strategies"). CMA-ES looks at the better half alone. Where returns are
    close together but for some failures, it is the failures that tell candidates apart. The
    covariance then follows the path of the mean only, without the rank-mu update.
    """

    popsize: int
    sigma: float
    min_sigma: float = 0.0
    centered: bool = False
    half_life: float | None = None

    def __post_init__(self) -> None:
        if self.popsize < 2:
            raise ValueError(f"evolve.cma.popsize is {self.popsize}: it must be at least 2")
        if not 0 < self.sigma <= MOST_SIGMA:
            raise ValueError(f"evolve.cma.sigma is {self.sigma}: use more than 0, to {MOST_SIGMA}")
        if not 0 <= self.min_sigma <= self.sigma:
            raise ValueError(f"evolve.cma.min_sigma is {self.min_sigma}: use 0 to evolve.cma.sigma")
        if self.half_life is not None and not self.half_life > 0:
            raise ValueError(
                f"evolve.cma.half_life is {self.half_life}: use more than 0 generations, or null"
            )

    def bound(self, sigma: float, generation: int) -> float:
        """The step size after so many generations, kept within its bounds."""
        if self.half_life is not None:
            sigma = min(sigma, self.sigma * 0.5 ** (generation / self.half_life))
        return max(sigma, self.min_sigma)


class CMA:
    """Maximises a fitness over R^n.

    All that happened to a pycma object follows from its seed and the fitness values it was given,
    so these are its state: a checkpoint holds no pickled object, and replaying it gives bitwise
    the search that was interrupted.

    Args:
        config: popsize and sigma.
        n: number of parameters.
        seed: of the draws.
        start: mean (n,) that the search starts around; None: zeros.
    """

    def __init__(
        self, config: CMAConfig, n: int, seed: int, start: FloatArray | None = None
    ) -> None:
        self.config = config
        self.n = n
        self._seed = seed
        self._start = np.zeros(n) if start is None else np.asarray(start, np.float64)
        self._fitness: list[NDArray[np.float64]] = []
        self._means: list[FloatArray] = []  # one after each generation
        self._asked: list[NDArray[np.float64]] | None = None
        self._widened = False
        rng = np.random.default_rng(seed)
        self._es = cma.CMAEvolutionStrategy(
            self._start,
            config.sigma,
            {
                "popsize": config.popsize * (2 if config.centered else 1),
                "CMA_rankmu": 0.0 if config.centered else 1.0,
                "randn": lambda *shape: rng.standard_normal(shape),
                "seed": math.nan,  # keeps pycma away from numpy's global generator
                "verbose": -9,
                "verb_log": 0,
                "CMA_diagonal": 0,
            },
        )

    @property
    def generation(self) -> int:
        """Generations told so far."""
        return len(self._fitness)

    @property
    def mean(self) -> FloatArray:
        """Mean of the search distribution (n,): what gets deployed."""
        return np.asarray(self._es.mean, np.float32)

    def average(self, generations: int) -> FloatArray:
        """Mean (n,) of `mean` over the last so many generations, or over all there were.

        Noise of the fitness moves the mean around the optimum; the average lies nearer to it
        (Polyak & Juditsky 1992).
        """
        return np.mean(self._means[-generations:] or [self.mean], axis=0, dtype=np.float32)

    @property
    def sigma(self) -> float:
        """Overall step size."""
        return float(self._es.sigma)

    def ask(self) -> FloatArray:
        """A new generation (popsize, n)."""
        self._asked = self._es.ask(self.config.popsize)
        return np.asarray(self._asked, np.float32)

    def tell(self, fitness: FloatArray) -> None:
        """Learn from the fitness (popsize,) of the last `ask`; higher is better."""
        assert self._asked is not None, "ask before tell"
        values = np.asarray(fitness, np.float64)
        self._es.tell(*self._losses(self._asked, values))
        self._fitness.append(values)
        self._es.sigma = self.config.bound(self._es.sigma, self.generation)
        self._means.append(self.mean)
        self._asked = None

    def _losses(
        self, asked: list[NDArray[np.float64]], values: NDArray[np.float64]
    ) -> tuple[list[NDArray[np.float64]], list[float]]:
        """What pycma, which minimises, is told.

        With `centered` every candidate is also told as its mirror image in the mean, as much worse
        than the average as it was better. Of each such pair one is in the better half.
        """
        if not self.config.centered:
            return asked, (-values).tolist()
        mirrored = [2 * self._es.mean - candidate for candidate in asked]
        losses = values.mean() - values
        return asked + mirrored, [*losses, *-losses]

    def widen(self, factor: float) -> None:
        """Multiply the step size; such a search has no `state`, since it would not replay."""
        self._es.sigma *= factor
        self._widened = self._widened or factor != 1

    def state(self) -> dict[str, Any]:
        """Tensors and plain types only; see `restore`."""
        assert not self._widened, "a widened search does not replay"
        return {
            "n": self.n,
            "seed": self._seed,
            "popsize": self.config.popsize,
            "sigma0": self.config.sigma,
            "min_sigma": self.config.min_sigma,
            "centered": self.config.centered,
            "half_life": self.config.half_life,
            "start": torch.from_numpy(self._start),
            "told": torch.from_numpy(np.array(self._fitness).reshape(-1, self.config.popsize)),
            "mean": torch.from_numpy(np.array(self._es.mean, np.float64)),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], path: Path) -> "CMA":
        """Replay a state to the very object that was saved.

        Raises:
            UserError: if this machine's linear algebra does not reproduce the saved mean.
        """
        config = CMAConfig(
            state["popsize"],
            state["sigma0"],
            state.get("min_sigma", 0.0),
            state.get("centered", False),
            state.get("half_life"),
        )
        search = cls(config, state["n"], state["seed"], state["start"].numpy())
        for values in state["told"].numpy():
            search.ask()
            search.tell(values)
        if not np.allclose(search._es.mean, state["mean"].numpy(), rtol=1e-6, atol=1e-9):
            raise UserError(
                f"{path} was written on a machine whose linear algebra differs, so the search "
                "can't continue here as it began: finish it there, or start another with name=…"
            )
        return search
