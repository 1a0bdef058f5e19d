"""Measure what V, M and C contribute.   python scripts/sweep_ablation.py experiment=quickstart"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, entry
from worldmodel.stages.sweep import sweep_ablations


@entry("sweep_ablation", lists={"ablation": "ablation"})
def main(cfg: DictConfig, call: Call) -> None:
    """Evolve every ablation's C on the V and M of the run `name`, evaluate it, print all so far."""
    ablations = {str(name): [str(text) for text in own] for name, own in cfg.ablations.items()}
    chosen = [str(name) for name in cfg.ablation]
    run = Path(cfg.runs), str(cfg.name), cfg.seed
    sweep_ablations(*run, chosen, ablations, dict(cfg.paper), call)


if __name__ == "__main__":
    main()
