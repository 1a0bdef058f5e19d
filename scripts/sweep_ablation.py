"""What V, M and C each contribute.   python scripts/sweep_ablation.py experiment=quickstart"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from worldmodel.config import entry
from worldmodel.report.tables import ablation_table
from worldmodel.run.launch import run_stages
from worldmodel.types import UserError


def main(cfg: DictConfig) -> None:
    """One ablation: evolve C on the V and M of the run `name`, evaluate it, print all so far."""
    if cfg.ablation not in cfg.ablations:
        raise UserError(f"ablation is {cfg.ablation}: choose from {', '.join(cfg.ablations)}.")
    own = [str(text) for text in cfg.ablations[cfg.ablation]]
    given = [text for text in HydraConfig.get().overrides.task
             if not text.startswith(("name=", "ablation="))]  # fmt: skip
    stages = ["train_controller", "evaluate"]
    if any(text.lstrip("+~").startswith(("train_mdnrnn.", "mdnrnn.", "mdnrnn=")) for text in own):
        stages.insert(0, "train_mdnrnn")
    names = [f"name={cfg.name}/{cfg.ablation}", f"upstream={cfg.name}"]
    run_stages(stages, [*given, *own, *names])
    ablation_table(Path(cfg.runs) / str(cfg.name), cfg.seed, list(cfg.ablations), dict(cfg.paper))


if __name__ == "__main__":
    entry("sweep_ablation", main)()
