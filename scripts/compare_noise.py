"""Compare ways to rank noisy candidates.   python scripts/compare_noise.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.run import Run
from worldmodel.stages.compare_noise import compare_noise
from worldmodel.types import UserError


@stage("compare_noise")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the dream with every recipe at equal cost; table and curves."""
    if cfg.world.kind != "dream":
        raise UserError("A comparison of recipes against noise needs world=dream.")
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    figures = compare_noise(
        build(cfg.compare),
        recipes,
        build(cfg.env),
        build(cfg.backend),
        build(cfg.controller),
        build(cfg.evolve.cma),
        build(cfg.world.config),
        run,
        device=cfg.device,
        members=list(cfg.world.members),
        start=cfg.start,
    )
    run.finish(figures)


if __name__ == "__main__":
    main()
