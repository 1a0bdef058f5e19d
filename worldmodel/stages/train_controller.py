"""The train_controller stage: C evolved in the real environment, in the dream, or in both."""

from collections.abc import Sequence
from dataclasses import dataclass

from worldmodel.agent.policy import Policy, load_search
from worldmodel.dream.dynamics import DreamConfig
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.evolve.fitness import Fitness, Hybrid, HybridConfig, InWorld
from worldmodel.evolve.loop import EvolveConfig, evolve
from worldmodel.models.controller import ControllerConfig
from worldmodel.rollout.real import BackendConfig, RealConfig, RealWorld
from worldmodel.run.run import Run
from worldmodel.stages.warm_start import generations_of, start_params
from worldmodel.stages.worlds import Worlds


@dataclass(frozen=True)
class WorldConfig:
    """Where candidates are tried: `dream`, `real`, or with `hybrid` in both.

    What is None is not played in. `real` says how training rollouts are cut short; selection always
    plays whole episodes in the real environment. `members` names runs whose M dream in place of
    this one's, as an ensemble.
    """

    real: RealConfig | None
    dream: DreamConfig | None
    hybrid: HybridConfig | None
    members: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        kind: str,
        config: RealConfig | DreamConfig,
        real: RealConfig | None = None,
        hybrid: HybridConfig | None = None,
        members: Sequence[str] = (),
    ) -> "WorldConfig":
        """The worlds of conf/world: `config` is that of the dream, or where there is none, real."""
        if isinstance(config, RealConfig):
            return cls(real=config, dream=None, hybrid=None)
        if kind != "hybrid":
            return cls(real=None, dream=config, hybrid=None, members=tuple(members))
        return cls(real, config, hybrid, tuple(members))


def train_controller(
    env: EnvConfig,
    backend: BackendConfig,
    controller: ControllerConfig,
    world: WorldConfig,
    config: EvolveConfig,
    run: Run,
    *,
    device: str,
    start: str | None,
) -> dict[str, float]:
    """Evolve the controller, and deploy the mean that scores best in the real environment.

    Args:
        env: the environment.
        backend: how real environments are run.
        controller: what C sees.
        world: where candidates are tried.
        config: numbers of the search.
        run: this stage.
        device: where the dream runs: auto, cpu or cuda.
        start: run whose controller the search begins with; None: zeros.

    Raises:
        UserError: if V, M, the environment or the controller of `start` do not fit together.
    """
    worlds = Worlds(env, make_spec(env), backend, run)
    policy = _policy(worlds, controller, start, run)
    selection = worlds.real(policy, world.real)
    # A search that goes on has begun already: fitting C to V and M once more would be for nothing.
    begins = start is not None and not run.checkpoint().exists()
    try:
        result = evolve(
            config,
            len(policy.params),
            _fitness(worlds, policy, world, config, selection, device),
            selection,
            run,
            worlds.describe(policy),
            start_params(worlds, policy, start, run) if begins and start is not None else None,
            generations_of(start, run) if begins and start is not None else 0,
        )
    finally:
        selection.close()
    return {
        "selection_score": result.selection_score,
        "world_score": result.world_score,
        "world_sd": result.world_sd,
        "generations": result.generations,
        "env_steps": result.env_steps,
        "dream_steps": result.dream_steps,
        "parameters": len(policy.params),
    }


def _policy(worlds: Worlds, config: ControllerConfig, start: str | None, run: Run) -> Policy:
    """What the search is over; one that goes on sees V and M as before, whatever was encoded."""
    before = load_search(run.checkpoint())
    if before is None:
        return worlds.new_policy(config, start)
    return Policy.zeros(config, worlds.spec, before.offset, before.axes)


def _fitness(
    worlds: Worlds,
    policy: Policy,
    world: WorldConfig,
    config: EvolveConfig,
    selection: RealWorld,
    device: str,
) -> Fitness:
    if world.dream is None:
        return InWorld(selection, real=True)
    dream = worlds.dream(policy, world.dream, device, world.members)
    if world.hybrid is None:
        return InWorld(dream, real=False)
    world.hybrid.check(config.rollouts)
    return Hybrid(dream, selection, world.hybrid)
