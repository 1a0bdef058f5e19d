"""Two Gaussians as one density.   python scripts/mdn_mixture.py"""

import torch
from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.demos.mixture import draw, exact_figures
from worldmodel.report.figure import save
from worldmodel.run.checkpoint import save_json
from worldmodel.run.run import Run
from worldmodel.seed import derive


@stage("mdn_mixture")
def main(cfg: DictConfig, run: Run) -> None:
    """Compute the mixture's figures, draw from it, and plot both."""
    config = build(cfg.mixture)
    m = config.build()
    generator = torch.Generator().manual_seed(derive(run.seed, "test"))
    samples = m.expand(config.samples).sample(generator=generator)
    figures = exact_figures(m)
    errors = {f"error of {k}": abs(figures[k] - v) for k, v in config.reference.items()}
    sampled = {"sampled mean": samples.mean().item(), "sampled variance": samples.var().item()}
    save_json(run.folder / "summary.json", figures | errors | sampled)
    save(draw(m, samples), run.folder, "mixture")
    worst = {"largest_error": max(errors.values())} if errors else {}
    run.finish(figures | sampled | worst)


if __name__ == "__main__":
    main()
