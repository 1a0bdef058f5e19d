"""The compare_noise stage: recipes against the noise of the fitness, at equal cost in the dream."""

from collections.abc import Mapping, Sequence

from worldmodel.dream.dynamics import DreamConfig
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.evolve.cma import CMAConfig
from worldmodel.evolve.compare import CompareConfig, Problem, compare
from worldmodel.evolve.recipes import Recipe
from worldmodel.models.controller import ControllerConfig
from worldmodel.report.tables import noise_table
from worldmodel.rollout.real import BackendConfig
from worldmodel.run.layout import read_done
from worldmodel.run.run import Run
from worldmodel.stages.warm_start import start_params
from worldmodel.stages.worlds import Worlds


def compare_noise(
    config: CompareConfig,
    recipes: Mapping[str, Recipe],
    env: EnvConfig,
    backend: BackendConfig,
    controller: ControllerConfig,
    cma: CMAConfig,
    dream: DreamConfig,
    run: Run,
    *,
    device: str,
    members: Sequence[str],
    start: str | None,
) -> dict[str, float]:
    """Search with every recipe, print the table; the mean score that each came to.

    Searches that an earlier call made count as long as V and M are the same.
    """
    worlds = Worlds(env, make_spec(env), backend, run)
    policy = worlds.new_policy(controller, None)
    problem = Problem(
        worlds.dream(policy, dream, device, members),
        len(policy.params),
        cma,
        start_params(worlds, policy, start, run) if start is not None else None,
        run.seed,
    )
    done = {name: read_done(run.of(name)) for name in run.stage.inputs}
    ids = {name: record["id"] for name, record in done.items() if record is not None}
    run.begin()
    rows = compare(config, recipes, problem, run, ids)
    title = (
        f"{config.seeds} searches of {config.budget:,} steps, {config.test_episodes} test dreams"
    )
    noise_table(f"{run.folder}: {title}", rows)
    return {name: row["score"] for name, row in rows.items()}
