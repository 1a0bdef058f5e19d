"""Evolve C, the controller that acts.   python scripts/train_controller.py world=real"""

from omegaconf import DictConfig

from worldmodel.agent.load import load_search
from worldmodel.config import build, stage
from worldmodel.evolve.fitness import Fitness, Hybrid, InWorld
from worldmodel.evolve.loop import evolve
from worldmodel.run.run import Run
from worldmodel.stages.worlds import Worlds


@stage("train_controller")
def main(cfg: DictConfig, run: Run) -> None:
    """Evolve the controller in the real environment, the dream or both; select in the real one."""
    parts = build(cfg.env), build(cfg.backend), build(cfg.controller)
    # A search that goes on has to look at V and M as it did before, whatever was encoded since.
    before = load_search(run.checkpoint())
    worlds = Worlds(*parts, run, before.get("offset"), before.get("axes"), cfg.start)
    cuts = {"real": cfg.world.config, "hybrid": cfg.world.get("real"), "dream": None}
    cut = cuts[cfg.world.kind]
    selection = worlds.real(build(cut) if cut is not None else None)
    tried: Fitness = InWorld(selection, real=True)
    if cfg.world.kind != "real":
        dream = worlds.dream(build(cfg.world.config), cfg.device, cfg.world.members)
        tried = InWorld(dream, real=False)
    if cfg.world.kind == "hybrid":
        shares = build(cfg.world.hybrid)
        shares.check(cfg.evolve.rollouts)
        tried = Hybrid(dream, selection, shares)
    # A search that goes on has begun already: fitting C to V and M once more would be for nothing.
    begin = cfg.start is not None and not run.checkpoint().exists()
    try:
        result = evolve(
            build(cfg.evolve),
            worlds.controller.n_params,
            tried,
            selection,
            run,
            worlds.about(),
            worlds.start(cfg.start) if begin else None,
        )
    finally:
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
