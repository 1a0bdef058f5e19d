"""Write a trained agent as small files.   python scripts/ship.py experiment=take_cover"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from worldmodel.config import SHIPPED, entry
from worldmodel.run.export import ship
from worldmodel.types import UserError


def main(cfg: DictConfig) -> None:
    """Halve V, M and C of a finished run and tell what they cost and score."""
    target = Path(cfg.runs) / cfg.ship.to
    given = [str(text) for text in HydraConfig.get().overrides.task]
    overrides = [text for text in given if SHIPPED.fullmatch(text)]
    lost = [text for text in given if text.lstrip("+~").startswith("env.")]
    if lost:
        raise UserError(f"A shipped agent can't hold {lost}: write them into a file of conf/env.")
    size = ship(Path(cfg.runs), str(cfg.name), cfg.seed, target, overrides)
    print(f"{target}: {size / 2**20:.1f} MB")


if __name__ == "__main__":
    entry("ship", main)()
