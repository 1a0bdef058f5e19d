import json

import pytest
import torch
from recorder import Recorder

from worldmodel.data.rows import Rows
from worldmodel.demos.inverse_sine import (
    InverseSineConfig,
    MixtureNet,
    RegressionNet,
    floors,
    nats,
    rmse,
)
from worldmodel.train.fit import FitConfig, fit

CONFIG = InverseSineConfig(7.0, 0.75, 0.5, 1.0, 10.5, 3000, 128, 0.15, 20000, 15, 5, 1)


def size(net):
    return sum(p.numel() for p in net.parameters())


def test_the_nets_have_the_sizes_of_the_lecture():
    assert size(RegressionNet(15)) == 286
    assert size(MixtureNet(15, 5)) == 510
    assert size(MixtureNet(15, 1)) == 318


def test_the_floors_are_known():
    assert floors(CONFIG) == pytest.approx(
        {
            "nats": 1.2880,
            "rmse": 4.616,
            "single_gaussian_nats": 2.7356,
            "constant_gaussian_nats": 2.9485,
            "marginal_nats": 3.0445,
        },
        abs=5e-4,
    )


def trained(net, steps, tmp_path):
    data = Rows(CONFIG.rows_of(3000, 1), 128, 0.15, 0)
    recipe = FitConfig(steps, "adam", 3e-3, "cosine", None, "fp32", 500, steps, steps)
    fit(net, data, recipe, Recorder(tmp_path), about={}, device="cpu")
    return net


@pytest.mark.slow
def test_a_mixture_tells_apart_what_one_gaussian_and_least_squares_average(tmp_path):
    torch.manual_seed(0)
    fresh = CONFIG.rows_of(20000, 2)
    lowest = floors(CONFIG, 1001)
    mixture = nats(trained(MixtureNet(15, 5), 1500, tmp_path / "k5"), fresh)
    single = nats(trained(MixtureNet(15, 1), 700, tmp_path / "k1"), fresh)
    error = rmse(trained(RegressionNet(15), 700, tmp_path / "mse"), fresh)
    assert lowest["nats"] < mixture < lowest["single_gaussian_nats"] - 0.5
    assert single > lowest["single_gaussian_nats"]
    assert lowest["rmse"] - 0.05 < error < 5.2


@pytest.mark.slow
def test_the_script_leaves_pictures_and_figures(stage, tmp_path):
    steps = [f"recipes.{name}.steps=60" for name in ("deck", "adam")]
    outcome = stage("mdn_inverse_sine", "inverse_sine.seeds=2", *steps)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "runs" / "mdn" / "seed0" / "mdn_inverse_sine"
    assert (folder / "inverse_sine.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (folder / "inverse_sine.svg").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert {name: len(each) for name, each in summary["by_seed"].items()} == dict.fromkeys(
        ("rmse", "single_gaussian_nats", "deck_nats", "adam_nats"), 2
    )
    assert len(set(summary["by_seed"]["deck_nats"])) == 2  # two seeds, two nets
    assert summary["parameters"]["deck_nats"] == 510
    done = json.loads((folder / "DONE").read_text())
    assert 0 < done["figures"]["coverage_50"] < done["figures"]["coverage_90"] <= 1


def test_libraries_are_compared_on_the_same_rows(stage, tmp_path):
    outcome = stage(
        "mdn_inverse_sine", "inverse_sine.seeds=2", "inverse_sine.peers=[ours]",
        "recipes.adam.steps=60",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "runs" / "mdn" / "seed0" / "mdn_inverse_sine"
    summary = json.loads((folder / "summary.json").read_text())
    assert len(set(summary["by_seed"]["ours"])) == 2
    assert max(summary["by_seed"]["ours"]) < floors(CONFIG)["marginal_nats"]
    assert summary["parameters"] == {"ours": 510}
    outcome = stage("mdn_inverse_sine", "inverse_sine.peers=[theirs]", "name=other")
    assert outcome.code == 1
    assert "inverse_sine.peers names 'theirs'" in outcome.err
    outcome = stage("mdn_inverse_sine", "inverse_sine.peers=[sbi]", "name=other")
    assert outcome.code == 1
    assert "sbi is not installed" in outcome.err


def test_impossible_problems_are_refused(stage):
    outcome = stage("mdn_inverse_sine", "inverse_sine.noise=0")
    assert outcome.code == 1
    assert "inverse_sine.noise is 0" in outcome.err
