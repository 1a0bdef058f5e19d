"""Film the dream, or play in it.   python scripts/play_dream.py experiment=quickstart"""

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry, settle, to_plain
from worldmodel.run.run import Run
from worldmodel.stages.play_dream import play_dream
from worldmodel.types import UserError


@entry("play_dream")
def main(cfg: DictConfig, _: Call) -> None:
    """Film the deployed controller in the dream, or open a window for a person."""
    if cfg.world.kind == "real":
        raise UserError("Playing in the dream needs world=dream or world=dream_anywhere.")
    settle(cfg, build)
    config, run = build(cfg.play), Run("play_dream", to_plain(cfg))
    try:
        if run.done and not config.human:
            return
        parts = build(cfg.env), build(cfg.backend), build(cfg.world.config)
        members = list(cfg.world.members)
        figures = play_dream(config, *parts, run, device=cfg.device, members=members)
        if figures is not None:
            run.finish(figures)
    finally:
        run.close()


if __name__ == "__main__":
    main()
