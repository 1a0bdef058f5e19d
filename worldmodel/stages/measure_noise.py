"""The measure_noise stage: how well single episodes tell candidates around an agent apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from worldmodel.agent.policy import check_spec, load_policy
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.evolve.noise import Reliability
from worldmodel.evolve.ranking import agreement, weigh_better, weigh_both, weigh_worse
from worldmodel.report.tables import short, spread_table
from worldmodel.rollout.real import BackendConfig
from worldmodel.run.checkpoint import save_json
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.run import Run
from worldmodel.seed import derive_many, stream
from worldmodel.stages.train_controller import WorldConfig
from worldmodel.stages.worlds import Worlds
from worldmodel.types import FloatArray, World

PART = 8  # episodes that are played before the bar moves


@dataclass(frozen=True)
class MeasureConfig:
    """What is measured.

    `candidates` are drawn around the agent's parameters with each standard deviation of `sigmas`
    and play the same `episodes`. From these, `draws` generations of `groups` are drawn.
    """

    candidates: int
    episodes: int
    sigmas: tuple[float, ...]
    groups: int
    draws: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", tuple(self.sigmas))
        for key, least in (("candidates", 4), ("episodes", 4), ("groups", 1), ("draws", 2)):
            if getattr(self, key) < least:
                raise ValueError(f"measure.{key} is {getattr(self, key)}: use at least {least}")
        if 2 * self.groups > min(self.candidates, self.episodes):
            raise ValueError(
                f"measure.groups is {self.groups}: use half of measure.candidates and of "
                "measure.episodes at most"
            )
        if not self.sigmas or min(self.sigmas) <= 0:
            raise ValueError(f"measure.sigmas is {list(self.sigmas)}: use numbers above 0")


def measure_noise(
    config: MeasureConfig,
    env: EnvConfig,
    backend: BackendConfig,
    world: WorldConfig,
    run: Run,
    *,
    device: str,
) -> dict[str, float]:
    """Play with the agent and with candidates around it, and print what their returns tell.

    The episodes are none of those of training, selection and test. returns.npy holds all returns
    (S, 1 + P, R): of S sigmas, the agent and P candidates, R episodes.

    Returns:
        For each sigma: what the agent and the candidates score on average, the standard deviations
        of what candidates are worth and of the noise in one episode, and the `agreement` of a
        generation's weights by several ways to rank.

    Raises:
        UserError: if the agent does not fit to the environment.
    """
    worlds = Worlds(env, make_spec(env), backend, run)
    path = checkpoint_path(run.of("train_controller"), "best")
    policy = check_spec(load_policy(path), worlds.spec, path)
    place = (
        worlds.real(policy, world.real)
        if world.dream is None
        else worlds.dream(policy, world.dream, device, world.members)
    )
    seeds = derive_many(run.seed, "infer", config.episodes, 2)
    run.begin()
    rows: dict[str, Mapping[str, float]] = {}
    played: list[FloatArray] = []
    try:
        parts = len(config.sigmas) * -(-len(seeds) // PART)
        with run.progress(parts, "parts") as bar:
            for sigma in config.sigmas:
                rng = stream(run.seed, "candidates")
                noise = rng.standard_normal((config.candidates, len(policy.params)))
                candidates = np.concatenate([np.zeros((1, len(policy.params))), sigma * noise])
                params = (policy.params + candidates).astype(np.float32)
                returns = []
                for first in range(0, len(seeds), PART):
                    returns.append(_play(place, params, seeds[first : first + PART]))
                    bar.advance(note=f"sigma {short(sigma)}")
                played.append(np.concatenate(returns, 1))
                rows[short(sigma)] = summarise(played[-1], config)
    finally:
        place.close()
    np.save(run.folder / "returns.npy", np.stack(played))
    title = f"{run.folder}: {config.candidates} candidates on {config.episodes} episodes"
    spread_table(title, rows)
    save_json(run.folder / "summary.json", {sigma: dict(row) for sigma, row in rows.items()})
    return {f"{name}_{sigma}": value for sigma, row in rows.items() for name, value in row.items()}


def summarise(returns: FloatArray, config: MeasureConfig) -> dict[str, float]:
    """Figures of returns (1 + P, R), of which the first row is the agent's own."""
    agent, candidates = returns[0], returns[1:]
    parts = Reliability.of(candidates)
    ways = {
        "better_half": (weigh_better, False),
        "worse_half": (weigh_worse, False),
        "both": (weigh_both, False),
        "both_hard": (weigh_both, True),
    }
    return {
        "agent": float(agent.mean()),
        "candidates": float(candidates.mean()),
        "worth_sd": parts.signal**0.5,
        "noise_sd": parts.noise**0.5,
        **{
            name: agreement(candidates, config.groups, weigh, config.draws, hard)[0]
            for name, (weigh, hard) in ways.items()
        },
    }


def _play(world: World, params: FloatArray, seeds: list[int]) -> FloatArray:
    return world.evaluate(params, seeds, generation=0)[0]
