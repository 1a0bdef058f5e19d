"""Draw with a trained system of pen or touch.   python scripts/draw.py system=kanji"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry
from worldmodel.run.models import find_model


@entry("draw")
def main(cfg: DictConfig, _: Call) -> None:
    """Load a system's model and write what it draws."""
    model, own = find_model(Path(cfg.runs), str(cfg.run), cfg.seed)
    to = Path(cfg.to) if cfg.to is not None else own
    written = build(cfg.draw).draw(model, to, cfg.seed)
    print(f"{to}: {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    main()
