"""How well episodes tell candidates apart.   python scripts/measure_noise.py name=…"""

from omegaconf import DictConfig

from worldmodel.config import build, build_parts, stage
from worldmodel.run.run import Run
from worldmodel.stages.measure_noise import measure_noise
from worldmodel.stages.train_controller import WorldConfig


@stage("measure_noise")
def main(cfg: DictConfig, run: Run) -> None:
    """Play with candidates around an agent; print signal, noise, and what a ranking gets of it."""
    parts = build(cfg.measure), build(cfg.env), build(cfg.backend)
    world = WorldConfig.of(**build_parts(cfg.world))
    run.finish(measure_noise(*parts, world, run, device=cfg.device))


if __name__ == "__main__":
    main()
