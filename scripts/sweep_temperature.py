"""One C per temperature.   python scripts/sweep_temperature.py experiment=take_cover"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from worldmodel.config import entry
from worldmodel.report.tables import temperature_table
from worldmodel.run.launch import run_stages
from worldmodel.types import UserError


def main(cfg: DictConfig) -> None:
    """One temperature: evolve C on the V and M of the run `name`, evaluate it, print all so far."""
    if cfg.world.kind != "dream":
        raise UserError("A sweep over temperatures needs world=dream.")
    name = f"{cfg.name}/tau{cfg.world.config.temperature:g}"
    given = [text for text in HydraConfig.get().overrides.task if not text.startswith("name=")]
    upstream = [f"name={name}", f"upstream={cfg.name}"]
    kind = [] if any(text.startswith("world=") for text in given) else ["world=dream"]
    run_stages(("train_controller", "evaluate"), [*given, *kind, *upstream])
    temperature_table(Path(cfg.runs) / str(cfg.name), cfg.seed)


if __name__ == "__main__":
    entry("sweep_temperature", main)()
