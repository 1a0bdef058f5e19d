"""Draw with a trained system of pen or touch.   python scripts/draw.py system=kanji"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry
from worldmodel.run.models import find_model
from worldmodel.types import UserError


@entry("draw")
def main(cfg: DictConfig, _: Call) -> None:
    """Load a system's model and write what it draws."""
    if cfg.run is None or not isinstance(cfg.runs, str):
        raise UserError("run and runs are names: of the run whose model draws, and of a folder.")
    model, own = find_model(Path(cfg.runs), cfg.run, cfg.seed)
    to = Path(cfg.to) if cfg.to is not None else own
    written = build(cfg.draw).draw(model, to, cfg.seed)
    print(f"{to}: {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    main()
