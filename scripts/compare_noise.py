"""Compare ways to handle noisy fitness.   python scripts/compare_noise.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.envs.make import make_spec
from worldmodel.evolve.compare import Problem
from worldmodel.run.run import Run
from worldmodel.stages.compare_noise import compare_noise
from worldmodel.stages.warm_start import start_params
from worldmodel.stages.worlds import Worlds
from worldmodel.types import UserError


@stage("compare_noise")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the dream with every recipe at equal cost; table and curves."""
    if cfg.world.kind != "dream":
        raise UserError("A comparison of recipes against noise needs world=dream.")
    env = build(cfg.env)
    worlds = Worlds(env, make_spec(env), build(cfg.backend), run)
    policy = worlds.new_policy(build(cfg.controller), None)
    problem = Problem(
        worlds.dream(policy, build(cfg.world.config), cfg.device, cfg.world.members),
        len(policy.params),
        build(cfg.evolve.cma),
        start_params(worlds, policy, cfg.start, run) if cfg.start is not None else None,
        run.seed,
    )
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    run.finish(compare_noise(build(cfg.compare), recipes, problem, run))


if __name__ == "__main__":
    main()
