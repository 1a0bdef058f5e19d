"""Film the dream, or play in it.   python scripts/play_dream.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.agent.load import load_controller, load_vae
from worldmodel.config import Call, build, entry, to_plain
from worldmodel.dream.env import DreamEnv
from worldmodel.models.controller import ControllerConfig
from worldmodel.run.run import Run
from worldmodel.stages.play_dream import acts_by, film, play_in_a_window
from worldmodel.stages.worlds import Worlds
from worldmodel.types import UserError


@entry("play_dream")
def main(cfg: DictConfig, _: Call) -> None:
    """Film the deployed controller in the dream, or open a window for a person."""
    if cfg.world.kind == "real":
        raise UserError("Playing in the dream needs world=dream or world=dream_anywhere.")
    config, run = build(cfg.play), Run("play_dream", to_plain(cfg))
    try:
        if run.done and not config.human:
            return
        params, about = load_controller(run.of("train_controller") / "checkpoints" / "best.pt")
        parts = build(cfg.env), build(cfg.backend), ControllerConfig(**about["controller"]), run
        worlds = Worlds(*parts, about["offset"], about.get("axes"))
        vae = load_vae(worlds.models["vae"])
        dynamics = worlds.dynamics(build(cfg.world.config), cfg.device, cfg.world.members)
        env = DreamEnv(dynamics, worlds.spec, vae)
        if config.human:
            play_in_a_window(env, config, run)
        else:
            run.finish(film(env, acts_by(worlds.controller, params, vae.config.z_dim), config, run))
    finally:
        run.close()


if __name__ == "__main__":
    main()
