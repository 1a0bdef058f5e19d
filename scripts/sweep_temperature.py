"""Train C at several temperatures of the dream.   python scripts/sweep_temperature.py"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.stages.sweep import sweep_temperatures
from worldmodel.types import UserError


@entry("sweep_temperature", lists={"world.config.temperature": "temperatures"})
def main(cfg: DictConfig, call: Call) -> None:
    """Evolve C at every temperature on the V and M of the run `name`, evaluate it, print all."""
    if cfg.world.kind != "dream":
        raise UserError("A sweep over temperatures needs world=dream.")
    run = Path(cfg.runs), str(cfg.name), cfg.seed
    sweep_temperatures(*run, [float(tau) for tau in cfg.temperatures], call)


if __name__ == "__main__":
    main()
