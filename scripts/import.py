"""Import recorded episodes as a finished collect stage.   python scripts/import.py env=gym"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry, to_plain
from worldmodel.data.recordings import open_recordings
from worldmodel.envs.make import find_obs
from worldmodel.envs.raw import RECORDED
from worldmodel.run.place import check_place
from worldmodel.run.run import Run
from worldmodel.stages.import_episodes import check_origin, find_spec, import_episodes
from worldmodel.types import UserError


@entry("import")
def main(cfg: DictConfig, _: Call) -> None:
    """Turn recordings into the episodes that the stages behind collect go on from."""
    source = cfg["import"].source
    if source is None:
        raise UserError("import.source is null: name an .npz file, a folder or a Minari dataset.")
    check_place(to_plain(cfg))
    # A row of a recording is an agent step, cropped as this call says: nothing is found by playing.
    cfg.env.frame_skip, cfg.env.crop = cfg.env.frame_skip or 1, None
    cfg.env.explorer = cfg.env.explorer or cfg.infer.explorer
    recordings = open_recordings(str(source), cfg.env.key)
    env = build(cfg.env)
    config = build(cfg["import"], compression=cfg.collect.compression)
    spec = find_spec(config, env, recordings)
    cfg.env.obs = "native" if spec.id == RECORDED else find_obs(env)
    cfg.env.max_episode_steps, cfg.collect.episodes = spec.max_episode_steps, len(recordings)
    plain = to_plain(cfg)
    check_origin(
        Path(plain["runs"]) / str(plain["name"]) / f"seed{plain['seed']}" / "collect",
        str(source),
        recordings,
    )
    run = Run("collect", plain)
    try:
        if not run.done:
            run.finish(import_episodes(recordings, config, env, spec, run))
    finally:
        run.interrupted()
        run.close()


if __name__ == "__main__":
    main()
