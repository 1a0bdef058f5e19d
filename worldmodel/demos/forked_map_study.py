"""The walker with a mixture and with one Gaussian, against the exact entropy."""

from dataclasses import asdict

import torch

from worldmodel.demos.forked_map import ForkedMap, Walks
from worldmodel.demos.forked_map_figure import draw
from worldmodel.demos.walker import Walker, WalkerConfig, exact_nats
from worldmodel.report.figure import save
from worldmodel.run.checkpoint import save_json
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig, fit

SHOWN = 60  # walks, and futures, in the picture
PRIME = 4  # positions shown before the futures
HORIZON = 6  # moves of a future


def study(
    forked: ForkedMap, config: WalkerConfig, recipe: FitConfig, run: Recorder, device: str
) -> dict[str, float]:
    """Train, measure, draw; returns the figures of the run.

    `excess` is what a network costs above the true density on the same held-out walks, which
    leaves the luck of these walks out; `exact_entropy` is what every walk costs on average.
    """
    data = Walks(forked, config.batch_size, config.steps, config.holdout, run.seed)
    (held_out,) = data.holdout()
    exact = exact_nats(forked, held_out)
    figures = {"exact_entropy": forked.entropy(config.steps), "true_density_nats": exact}
    walkers = {}
    for components in (config.components, 1):
        name = f"k{components}"
        torch.manual_seed(derive(run.seed, "fit", components, 2))
        walker = walkers[f"K = {components}"] = Walker(config, components)
        about = {"kind": "walker", **asdict(config), "components": components}
        subrun = run.subrun(name)
        nats = fit(walker, data, recipe, subrun, about=about, device=device).holdout["loss"]
        figures |= {f"{name}_nats": nats, f"{name}_excess": nats - exact}
        figures[f"{name}_parameters"] = sum(p.numel() for p in walker.parameters())
    save_json(run.folder / "summary.json", figures | {"unit": "nats per step", **asdict(config)})
    walks = held_out["position"]
    options = (forked.transition[held_out["state"][:, PRIME - 1]] > 0).sum(-1)
    prime = walks[options.argmax(), :PRIME]  # a walk that has just come to many forks
    picture = draw(forked, walks[:SHOWN, : HORIZON + 1], prime, walkers, HORIZON)
    save(picture, run.folder, "forked_map")
    return figures
