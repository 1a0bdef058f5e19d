"""Train the controller C by CMA-ES.   python scripts/train_controller.py world=real"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.run import Run
from worldmodel.stages.train_controller import WorldConfig, train_controller


@stage("train_controller")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the real environment, the dream or both; select in the real one."""
    parts = build(cfg.env), build(cfg.backend), build(cfg.controller), world_config(cfg.world)
    evolution = build(cfg.evolve)
    run.finish(train_controller(*parts, evolution, run, device=cfg.device, start=cfg.start))


def world_config(world: DictConfig) -> WorldConfig:
    """The worlds of conf/world/<kind>.yaml."""
    if world.kind == "real":
        return WorldConfig(real=build(world.config), dream=None, hybrid=None)
    hybrid = world.kind == "hybrid"
    return WorldConfig(
        real=build(world.real) if hybrid else None,
        dream=build(world.config),
        hybrid=build(world.hybrid) if hybrid else None,
        members=tuple(world.members),
    )


if __name__ == "__main__":
    main()
