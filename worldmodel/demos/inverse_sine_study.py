"""Several seeds of every net of the inverse sine, measured on fresh rows."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from statistics import median, median_low
from typing import Any

import torch

from worldmodel.data.rows import Rows
from worldmodel.demos.inverse_sine import (
    InverseSineConfig,
    MixtureNet,
    RegressionNet,
    floors,
    nats,
    rmse,
)
from worldmodel.demos.inverse_sine_figure import draw
from worldmodel.mdn import coverage, crps, pit
from worldmodel.report.figure import save
from worldmodel.run.checkpoint import save_json
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig, fit


def study(
    config: InverseSineConfig, recipes: Mapping[str, FitConfig], run: Recorder, device: str
) -> dict[str, float]:
    """Train, measure, draw the nets of the median seed; returns the figures of the run.

    summary.json has them by seed.

    Args:
        config: the problem and the nets.
        recipes: trainings, one of them called "deck": least squares and K = 1 have that one.
        run: where everything goes.
        device: "auto", "cpu" or "cuda".
    """
    test = config.rows_of(config.test_rows, derive(run.seed, "test"))
    hidden, components = config.hidden, config.components
    jobs: dict[str, tuple[Callable[[], Any], FitConfig]] = {
        "rmse": (lambda: RegressionNet(hidden), recipes["deck"]),
        "single_gaussian_nats": (lambda: MixtureNet(hidden, 1), recipes["deck"]),
    } | {
        f"{name}_nats": (lambda: MixtureNet(hidden, components), recipe)
        for name, recipe in recipes.items()
    }
    results: dict[str, list[float]] = {name: [] for name in jobs}
    nets: dict[str, list[Any]] = {name: [] for name in jobs}
    for index in range(config.seeds):
        seed = derive(run.seed, "fit", index, 2)
        rows = config.rows_of(config.rows, derive(run.seed, "train", index, 1))
        data = Rows(rows, config.batch_size, config.holdout_fraction, seed)
        for name, (make, recipe) in jobs.items():
            torch.manual_seed(seed)
            net = make()
            about = {"kind": name, **asdict(config)}
            fit(net, data, recipe, run.subrun(f"{name}_{index}", seed), about=about, device=device)
            results[name].append(rmse(net, test) if name == "rmse" else nats(net, test))
            nets[name].append(net)
    sizes = {name: sum(p.numel() for p in each[0].parameters()) for name, each in nets.items()}
    lowest = floors(config)
    save_json(
        run.folder / "summary.json", {"floors": lowest, "by_seed": results, "parameters": sizes}
    )
    typical = {name: nets[name][each.index(median_low(each))] for name, each in results.items()}
    picture = draw(typical["rmse"], typical[f"{list(recipes)[-1]}_nats"], test)
    save(picture, run.folder, "inverse_sine")
    return (
        {f"median_{name}": median(each) for name, each in results.items()}
        | _calibration(typical[f"{list(recipes)[-1]}_nats"], test)
        | {f"floor_{name}": value for name, value in lowest.items()}
        | {f"parameters_{name}": count for name, count in sizes.items()}
    )


@torch.no_grad()
def _calibration(net: MixtureNet, rows: dict[str, torch.Tensor]) -> dict[str, float]:
    """What the middle half and nine tenths of the mixture cover, and its CRPS in units of y."""
    m, y = net(rows["x"]), rows["y"]
    away = (2 * pit(m, y) - 1).abs()
    half, most = coverage(torch.tensor([0.5, 0.9]), away).tolist()
    return {"coverage_50": half, "coverage_90": most, "crps": crps(m, y).mean().item()}
