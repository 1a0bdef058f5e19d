"""Which controller is deployed: the mean of the search that scored best on seeds of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from worldmodel.evolve.cma import CMA
from worldmodel.run.recorder import Recorder
from worldmodel.stats import mean_sd
from worldmodel.types import World


@dataclass
class Tally:
    """What an evolution has come to so far, besides the search itself.

    `earlier` are the generations of the searches before it, on whose result it goes on: it plays
    the episodes that follow theirs.
    """

    rollouts: float  # of the next generation, before rounding
    env_steps: int = 0
    dream_steps: int = 0
    minutes: float = 0.0
    best: float = -math.inf
    world_score: float = -math.inf
    world_sd: float = math.nan
    selected_at: int = -1  # generation of the last selection
    earlier: int = 0


class Selection:
    """Measures the mean of a search, and keeps the best one.

    Args:
        world: where means are compared: the real one.
        dream: where they are measured as well; None for nowhere.
        seeds: of the episodes that every mean plays.
        average: generations over which the mean is averaged.
        run: gets checkpoints/mean.pt (the mean as it is) and, if none scored better,
            checkpoints/best.pt (which is what gets deployed).
        about: plain description of the controller, stored in both.
    """

    def __init__(
        self,
        world: World,
        dream: World | None,
        seeds: Sequence[int],
        average: int,
        run: Recorder,
        about: dict[str, Any],
    ) -> None:
        self._world, self._dream, self._seeds = world, dream, seeds
        self._average, self._run, self._about = average, run, about

    def measure(self, search: CMA, tally: Tally) -> None:
        """Play with the search's mean; save it, and count what it cost in `tally`."""
        mean = search.average(self._average)[None]
        returns, lengths = self._world.evaluate(mean, self._seeds, generation=None)
        score, sd = mean_sd(returns)
        tally.env_steps += int(lengths.sum())
        tally.selected_at = search.generation
        steps = float(lengths.mean())
        metrics = {"selection/mean": score, "selection/sd": sd, "selection/steps": steps}
        inside, inside_sd = score, sd
        if self._dream is not None:
            returns, lengths = self._dream.evaluate(mean, self._seeds, generation=search.generation)
            inside, inside_sd = mean_sd(returns)
            tally.dream_steps += int(lengths.sum())
            metrics |= {"dream/mean": inside, "dream/sd": inside_sd}
        self._run.log().scalars(search.generation, metrics)
        content = {
            "about": self._about,
            "params": torch.from_numpy(mean[0]),
            "generation": search.generation,
            "selection_score": score,
            "world_score": inside,
            "world_sd": inside_sd,
            "env_steps": tally.env_steps,
            "dream_steps": tally.dream_steps,
        }
        self._run.save("mean", content)
        if score > tally.best:
            tally.best, tally.world_score, tally.world_sd = score, inside, inside_sd
            self._run.save("best", content)
