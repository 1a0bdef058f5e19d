"""A mixture's exact figures beside those of draws from it."""

import torch

from worldmodel.demos.mixture import MixtureConfig, draw, exact_figures
from worldmodel.report.figure import save
from worldmodel.run.checkpoint import save_json
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive


def study(config: MixtureConfig, run: Recorder) -> dict[str, float]:
    """Compute the figures, draw from the mixture, plot both; returns the figures of the run.

    summary.json has them, and how far each is from the number to reproduce.
    """
    m = config.build()
    generator = torch.Generator().manual_seed(derive(run.seed, "test"))
    samples = m.expand(config.samples).sample(generator=generator)
    figures = exact_figures(m)
    errors = {f"error of {k}": abs(figures[k] - v) for k, v in config.reference.items()}
    sampled = {"sampled mean": samples.mean().item(), "sampled variance": samples.var().item()}
    save_json(run.folder / "summary.json", figures | errors | sampled)
    save(draw(m, samples), run.folder, "mixture")
    worst = {"largest_error": max(errors.values())} if errors else {}
    return figures | sampled | worst
