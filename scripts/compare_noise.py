"""Compare ways to handle noisy fitness.   python scripts/compare_noise.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.evolve.compare import Problem
from worldmodel.run.run import Run
from worldmodel.stages.compare_noise import compare_noise
from worldmodel.stages.worlds import Worlds
from worldmodel.types import UserError


@stage("compare_noise")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the dream with every recipe at equal cost; table and curves."""
    if cfg.world.kind != "dream":
        raise UserError("A comparison of recipes against noise needs world=dream.")
    worlds = Worlds(build(cfg.env), build(cfg.backend), build(cfg.controller), run)
    problem = Problem(
        worlds.dream(build(cfg.world.config), cfg.device, cfg.world.members),
        worlds.controller.n_params,
        build(cfg.evolve.cma),
        worlds.start(cfg.start) if cfg.start is not None else None,
        run.seed,
    )
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    run.finish(compare_noise(build(cfg.compare), recipes, problem, run))


if __name__ == "__main__":
    main()
