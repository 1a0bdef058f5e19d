"""Ways to handle noise.   python scripts/compare_noise.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.evolve.compare import Problem, compare
from worldmodel.report.tables import noise_table
from worldmodel.run.layout import read_done
from worldmodel.run.run import Run
from worldmodel.stages.worlds import Worlds
from worldmodel.types import UserError


@stage("compare_noise")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the dream with every recipe at equal cost; table and curves."""
    if cfg.world.kind != "dream":
        raise UserError("A comparison of recipes against noise needs world=dream.")
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    worlds = Worlds(build(cfg.env), build(cfg.backend), build(cfg.controller), run)
    problem = Problem(
        worlds.dream(build(cfg.world.config), cfg.device, cfg.world.members),
        worlds.controller.n_params,
        build(cfg.evolve.cma),
        worlds.start(cfg.start) if cfg.start is not None else None,
        run.seed,
    )
    done = {name: read_done(run.of(name)) for name in run.stage.inputs}
    ids = {name: left["id"] for name, left in done.items() if left is not None}
    config = build(cfg.compare)
    rows = compare(config, recipes, problem, run, ids)
    title = (
        f"{config.seeds} searches of {config.budget:,} steps, {config.test_episodes} test dreams"
    )
    noise_table(f"{run.folder}: {title}", rows)
    run.finish({name: row["score"] for name, row in rows.items()})


if __name__ == "__main__":
    main()
