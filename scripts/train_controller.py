"""Train the controller C by CMA-ES.   python scripts/train_controller.py world=real"""

from omegaconf import DictConfig

from worldmodel.config import build, build_parts, stage
from worldmodel.run.run import Run
from worldmodel.stages.train_controller import WorldConfig, train_controller


@stage("train_controller")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the real environment, the dream or both; select in the real one."""
    parts = build(cfg.env), build(cfg.backend), build(cfg.controller)
    world, evolution = WorldConfig.of(**build_parts(cfg.world)), build(cfg.evolve)
    run.finish(train_controller(*parts, world, evolution, run, device=cfg.device, start=cfg.start))


if __name__ == "__main__":
    main()
