import json

import pytest
import torch

from worldmodel.demos.mixture import MixtureConfig, exact_figures

# Known to more digits than these from quadrature elsewhere.
KNOWN = {
    "p(-5)": 0.0999926166,
    "p(0)": 0.0209615983,
    "p(5)": 0.0664907517,
    "mean": 0.0,
    "variance": 31.5,
    "cdf(0)": 0.52079,
    "entropy": 2.946832,
}


def test_the_seven_figures_are_known():
    figures = exact_figures(MixtureConfig([0.5, 0.5], [-5, 5], [2, 3], 1, {}).build())
    assert figures == pytest.approx(KNOWN, abs=1e-6)


def test_the_script_leaves_pictures_and_figures(stage, tmp_path):
    outcome = stage("mdn_mixture", "mixture.samples=20000")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "runs" / "mdn" / "seed0" / "mdn_mixture"
    assert (folder / "mixture.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (folder / "mixture.svg").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert {name: summary[name] for name in KNOWN} == pytest.approx(KNOWN, abs=1e-6)
    assert summary["sampled variance"] == pytest.approx(31.5, rel=0.03)
    assert "done already" in stage("mdn_mixture", "mixture.samples=20000").out
    changed = stage("mdn_mixture", "mixture.samples=10")
    assert changed.code == 1
    assert "mixture.samples" in changed.err


def test_pictures_are_a_function_of_the_seed(stage, tmp_path):
    for name in ("one", "two"):
        assert stage("mdn_mixture", "mixture.samples=1000", f"name={name}").code == 0
    one, two = (tmp_path / "runs" / name / "seed0" / "mdn_mixture" for name in ("one", "two"))
    for file in ("mixture.png", "mixture.svg"):
        assert (one / file).read_bytes() == (two / file).read_bytes()


@pytest.mark.parametrize(
    "values", [([0.5], [-5, 5], [2, 3]), ([0.5, 0], [-5, 5], [2, 3]), ([1], [0], [-1])]
)
def test_impossible_mixtures_are_refused(values):
    with pytest.raises(ValueError, match="weights"):
        MixtureConfig(*values, 1, {})


def test_weights_need_not_sum_to_one():
    m = MixtureConfig([1, 3], [0, 1], [1, 1], 1, {}).build()
    assert m.mean.item() == pytest.approx(0.75)
    assert m.mu.dtype == torch.float64
