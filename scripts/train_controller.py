"""Evolve C.   python scripts/train_controller.py experiment=quickstart world=real"""

from omegaconf import DictConfig

from worldmodel.conf import build, stage
from worldmodel.evolve.loop import evolve
from worldmodel.rollout.worlds import Worlds
from worldmodel.run import Run


@stage("train_controller")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the real environment or in the dream; select in the real one."""
    worlds = Worlds(build(cfg.env), build(cfg.backend), build(cfg.controller), run)
    selection = worlds.real(build(cfg.world.config) if cfg.world.kind == "real" else None)
    world = selection
    if cfg.world.kind == "dream":
        world = worlds.dream(build(cfg.world.config), cfg.device, cfg.world.members)
    try:
        result = evolve(
            build(cfg.evolve),
            worlds.controller.n_params,
            world,
            selection,
            run,
            worlds.about(),
            worlds.start(cfg.start) if cfg.start is not None else None,
        )
    finally:
        world.close()
        selection.close()
    run.finish(
        {
            "selection_score": result.selection_score,
            "world_score": result.world_score,
            "world_sd": result.world_sd,
            "generations": result.generations,
            "env_steps": result.env_steps,
            "dream_steps": result.dream_steps,
            "parameters": worlds.controller.n_params,
        }
    )


if __name__ == "__main__":
    main()
