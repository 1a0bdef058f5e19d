"""How far a generation's ranking is noise, and how many rollouts would mend it."""

from dataclasses import dataclass

import numpy as np

from worldmodel.types import FloatArray

STEP = 1.25  # the number of rollouts changes by this factor at most from generation to generation


@dataclass(frozen=True)
class Reliability:
    """Variance components of returns (P, R) where all candidates play the same seeds.

    A return is taken as candidate + seed + the rest: with common random numbers a hard seed is hard
    for everybody and does not disturb the ranking, so only the rest is noise (two-way analysis of
    variance without replication).

    Attributes:
        signal: variance of the candidates' true means; 0 where it can't be told from noise.
        noise: variance of the rest in a single rollout.
    """

    signal: float
    noise: float

    @classmethod
    def of(cls, returns: FloatArray) -> "Reliability":
        """Estimate both from returns (P, R).

        Raises:
            ValueError: for a single candidate or a single rollout, which leave nothing to compare.
        """
        candidates, rollouts = returns.shape
        if candidates < 2 or rollouts < 2:
            raise ValueError(f"returns {returns.shape}: 2 candidates and 2 rollouts are needed")
        table = returns.astype(np.float64)
        means = table.mean(1)
        rest = table - means[:, None] - table.mean(0) + table.mean()
        noise = float((rest**2).sum() / ((candidates - 1) * (rollouts - 1)))
        between = float(rollouts * means.var(ddof=1))
        return cls(max(0.0, (between - noise) / rollouts), noise)

    def at(self, rollouts: float) -> float:
        """Share of the variance of means over so many rollouts that is signal, 0 to 1."""
        total = self.signal + self.noise / rollouts
        return self.signal / total if total > 0 else 1.0

    def rollouts_for(self, share: float) -> float:
        """Number of rollouts at which that share would be `share`; infinite without a signal."""
        if self.noise == 0:
            return 1.0
        odds = share / (1 - share)
        return odds * self.noise / self.signal if self.signal > 0 else float("inf")


def next_rollouts(now: float, returns: FloatArray, share: float, least: int, most: int) -> float:
    """Rollouts for the next generation: a step towards what the measured noise asks for.

    Args:
        now: rollouts of this generation, before rounding.
        returns: (P, R) of this generation.
        share: wanted share of signal in the variance of the candidates' means.
        least: not fewer; at least 2, since a single rollout shows no noise.
        most: not more.
    """
    wanted = Reliability.of(returns).rollouts_for(share)
    return float(np.clip(np.clip(wanted, now / STEP, now * STEP), max(2, least), most))
