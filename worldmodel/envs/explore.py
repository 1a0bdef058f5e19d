"""Explorers: the actions of a whole episode drawn from a seed, before the episode starts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from worldmodel.seed import stream
from worldmodel.types import EnvSpec, Explorer, FloatArray, UserError


@dataclass(frozen=True)
class WhiteNoise:
    """Uniform actions, independent from step to step."""

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim), one-hot for a discrete space."""
        rng = stream(seed, "explorer")
        if spec.n_actions is not None:
            return _one_hot(rng.integers(spec.n_actions, size=steps), spec.n_actions)
        low, high = _bounds(spec, "WhiteNoise")
        return rng.uniform(low, high, (steps, spec.action_dim)).astype(np.float32)


@dataclass(frozen=True)
class Brownian:
    """A random walk that starts at 0 and is cut at the bounds (ctallec/world-models).

    Attributes:
        dt: seconds between two env steps; the walk's variance grows by this much per env step.
    """

    dt: float

    def __post_init__(self) -> None:
        if self.dt <= 0:
            raise ValueError(f"env.explorer.dt is {self.dt}: it must be positive")

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim)."""
        low, high = _bounds(spec, "Brownian")
        rng = stream(seed, "explorer")
        stride = np.sqrt(self.dt * spec.frame_skip)
        moves = rng.normal(0, stride, (steps, spec.action_dim))
        walk = accumulate(moves, lambda at, move: np.clip(at + move, low, high), initial=0 * low)
        return np.array(list(walk)[1:], np.float32).clip(low, high)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """Smooth noise that is pulled towards a mean: dx = theta (mean - x) dt + sigma dW.

    Sampled exactly (Gillespie 1996), so the curve is the same process at any frame skip. It starts
    from its stationary distribution, whose standard deviation is sigma / sqrt(2 theta), and is cut
    at the bounds on the way out.

    Attributes:
        theta: pull towards the mean, 1/s, per action dimension.
        sigma: strength of the noise, per action dimension.
        mean: where it is pulled to, per action dimension.
        dt: seconds between two env steps.
    """

    theta: tuple[float, ...]
    sigma: tuple[float, ...]
    mean: tuple[float, ...]
    dt: float

    def __post_init__(self) -> None:
        for name in ("theta", "sigma", "mean"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not len(self.theta) == len(self.sigma) == len(self.mean):
            raise ValueError("env.explorer.theta, sigma and mean must be of the same length")
        if self.dt <= 0 or min(self.theta) <= 0 or min(self.sigma) < 0:
            raise ValueError("env.explorer: dt and theta must be positive, sigma not negative")

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim)."""
        low, high = _bounds(spec, "OrnsteinUhlenbeck")
        if len(self.mean) != spec.action_dim:
            raise UserError(
                f"env.explorer.mean has {len(self.mean)} entries but {spec.id} has "
                f"{spec.action_dim} action dimensions: give one entry per dimension."
            )
        theta, sigma, mean = map(np.array, (self.theta, self.sigma, self.mean))
        decay = np.exp(-theta * self.dt * spec.frame_skip)
        stationary = sigma / np.sqrt(2 * theta)
        noise = stream(seed, "explorer").normal(0, stationary, (steps, spec.action_dim))
        noise[1:] *= np.sqrt(1 - decay**2)
        curve = np.array(list(accumulate(noise, lambda x, push: decay * x + push)))
        return (mean + curve.reshape(noise.shape)).clip(low, high).astype(np.float32)


@dataclass(frozen=True)
class RandomController:
    """The paper's random policy (code of Ha & Schmidhuber 2018, CarRacing): random weights.

    Their collector gives V, M and C random weights anew in every episode, and those of V and M
    come out so small that z is N(0, 1) noise and h is 0. What is left is a controller W z + b on
    noise, with Cauchy weights: constant bias and jitter, both of an episode's own, heavy-tailed
    strength. The squash is the environment's; a discrete action is the largest output.

    Attributes:
        scale: an episode's weights are standard Cauchy times U(0, 1) times this (paper: 0.01).
        z_dim: how many noise inputs there are (paper: 32).
    """

    scale: float
    z_dim: int

    def __post_init__(self) -> None:
        if self.scale <= 0 or self.z_dim < 1:
            raise ValueError("env.explorer: scale must be positive and z_dim at least 1")

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim), one-hot for a discrete space."""
        rng = stream(seed, "explorer")
        spread = self.scale * rng.uniform()
        weight = spread * rng.standard_cauchy((self.z_dim, spec.action_dim))
        bias = spread * rng.standard_cauchy(spec.action_dim)
        score = rng.normal(size=(steps, self.z_dim)) @ weight + bias
        if spec.n_actions is not None:
            return _one_hot(score.argmax(-1), spec.n_actions)
        low, high = _bounds(spec, "RandomController")
        raw = np.tanh(score)
        scaled = low + (raw + 1) / 2 * (high - low)
        moved = np.where(spec.clips, raw.clip(low, high), scaled) * spec.reach
        return moved.astype(np.float32)


@dataclass(frozen=True)
class ActionRepeat:
    """Holds each action of another explorer for a random number of agent steps.

    With `WhiteNoise` inside it is the paper's policy for DoomTakeCover (low 1, high 10).

    Attributes:
        explorer: draws the actions.
        low: shortest hold, in agent steps.
        high: longest hold, included.
    """

    explorer: Explorer
    low: int
    high: int

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high:
            raise ValueError("env.explorer: low and high must hold 1 <= low <= high")

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim)."""
        rng = stream(seed, "holds")
        holds = rng.integers(self.low, self.high, size=steps, endpoint=True)
        return np.repeat(self.explorer(spec, seed, steps), holds, axis=0)[:steps]


@dataclass(frozen=True)
class VariedRepeat:
    """`ActionRepeat` with a longest hold of each episode's own, drawn log-uniformly.

    Some episodes jitter and some hold on for seconds, so M sees both. A controller may well do
    either, and where M has seen neither its dream can be exploited.

    Attributes:
        explorer: draws the actions.
        low: least longest hold, in agent steps.
        high: greatest longest hold.
    """

    explorer: Explorer
    low: int
    high: int

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high:
            raise ValueError("env.explorer: low and high must hold 1 <= low <= high")

    def __call__(self, spec: EnvSpec, seed: int, steps: int) -> FloatArray:
        """Actions (steps, action_dim)."""
        rng = stream(seed, "longest_hold")
        longest = round(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return ActionRepeat(self.explorer, 1, longest)(spec, seed, steps)


# All of them, for what may be built of a configuration that a stranger wrote.
EXPLORERS = WhiteNoise, Brownian, OrnsteinUhlenbeck, RandomController, ActionRepeat, VariedRepeat


def _bounds(spec: EnvSpec, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if spec.action_low is None or spec.action_high is None:
        raise UserError(
            f"env.explorer {name} draws continuous actions but {spec.id} has discrete ones: "
            "use WhiteNoise, ActionRepeat or RandomController."
        )
    return np.array(spec.action_low, np.float32), np.array(spec.action_high, np.float32)


def _one_hot(choice: Sequence[int] | NDArray[np.int64], n_actions: int) -> FloatArray:
    return np.eye(n_actions, dtype=np.float32)[choice]
