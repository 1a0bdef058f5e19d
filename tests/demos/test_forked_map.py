import json
import math

import pytest
import torch
from hydra import compose, initialize_config_dir
from recorder import Recorder

from worldmodel.config import CONF, build
from worldmodel.demos.forked_map import ForkedMap, MapConfig, Walks
from worldmodel.demos.walker import Walker, WalkerConfig, exact_nats
from worldmodel.train.fit import FitConfig, fit

SQUARE = MapConfig([[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]], 0.1)
SMALL = WalkerConfig("gru", 32, 1, 3, 32, 8, 500)


@pytest.fixture(scope="module")
def town():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return ForkedMap(build(compose("mdn_forked_map").map))


def test_walks_follow_the_edges_and_do_not_turn_back(town):
    state, position = town.walks(500, 12, torch.Generator().manual_seed(0))
    node = town.at[state]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        edges = {tuple(sorted(edge)) for edge in compose("mdn_forked_map").map.edges}
    moves = torch.stack([node[:, :-1], node[:, 1:]], -1).flatten(0, 1).tolist()
    assert {tuple(sorted(move)) for move in moves} == edges
    assert (node[:, 2:] != node[:, :-2]).all()
    off = position - town.nodes[node].float()
    assert off.std().item() == pytest.approx(town.sigma, rel=0.02)
    assert off.abs().max() < 6 * town.sigma


def test_the_entropy_of_a_move_is_that_of_its_density():
    forked = ForkedMap(SQUARE)
    state = torch.tensor([0])  # at node 0 before the first move: three ways
    m = forked.next_move(state, forked.nodes[:1])
    assert m.entropy(100_000, torch.Generator().manual_seed(0)).item() == pytest.approx(
        math.log(3) + math.log(2 * math.pi * math.e * 0.01), abs=0.01
    )
    axis = torch.linspace(-1, 2, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    log_prob = m.log_prob(grid)
    area = (axis[1] - axis[0]).item() ** 2
    entropy = -(log_prob.exp() * log_prob).sum().item() * area
    exact = math.log(3) + math.log(2 * math.pi * math.e * 0.01)
    assert entropy == pytest.approx(exact, abs=1e-3)


def test_the_exact_entropy_is_what_the_true_density_costs(town):
    (batch,) = Walks(town, 1, 20, 4000, 0).holdout()
    nats = exact_nats(town, batch)
    assert nats == pytest.approx(town.entropy(20), abs=0.02)


def test_batches_are_a_function_of_the_step(town):
    data = Walks(town, 8, 5, 10, 3)
    stream, resumed = data.batches(0), data.batches(2)
    first = [next(stream) for _ in range(4)]
    again = [next(resumed) for _ in range(2)]
    assert all(torch.equal(a["position"], b["position"]) for a, b in zip(first[2:], again,
                                                                        strict=True))  # fmt: skip
    assert not torch.equal(first[0]["position"], first[1]["position"])
    (one,), (two,) = data.holdout(), data.holdout()
    assert torch.equal(one["position"], two["position"])


def trained(components, tmp_path):
    torch.manual_seed(0)
    walker = Walker(SMALL, components)
    data = Walks(ForkedMap(SQUARE), SMALL.batch_size, SMALL.steps, SMALL.holdout, 0)
    recipe = FitConfig(700, "adam", 1e-2, "cosine", 1.0, "fp32", 100, 700, 700)
    result = fit(walker, data, recipe, Recorder(tmp_path), about={}, device="cpu")
    return walker, result.holdout["loss"]


@pytest.mark.slow
def test_a_mixture_learns_the_ways_that_one_gaussian_cannot(tmp_path):
    exact = ForkedMap(SQUARE).entropy(SMALL.steps)
    walker, mixture = trained(3, tmp_path / "k3")
    _, single = trained(1, tmp_path / "k1")
    assert exact - 0.05 < mixture < exact + 0.5
    assert single > mixture + 0.5
    prime = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])  # next: 1 or 3, not back to 2
    positions, component = walker.futures(prime, 400, 3, torch.Generator().manual_seed(0))
    assert positions.shape == (400, 4, 2)
    assert component.shape == (400, 3)
    assert torch.equal(positions[:, 0], prime[-1:].expand(400, 2))
    away = torch.cdist(positions[:, 1].double(), ForkedMap(SQUARE).nodes)
    share = away.argmin(1).bincount(minlength=4) / 400
    assert share[2] < 0.1
    assert share[0] < 0.1
    assert 0.3 < share[1] < 0.7


@pytest.mark.slow
def test_the_script_leaves_pictures_and_figures(stage, tmp_path):
    outcome = stage("mdn_forked_map", "fit.steps=6", "walker.holdout=80", "walker.hidden=8")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "runs" / "mdn" / "seed0" / "mdn_forked_map"
    assert (folder / "forked_map.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (folder / "forked_map.svg").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    for k in ("k5", "k1"):
        assert summary[f"{k}_nats"] - summary[f"{k}_excess"] == pytest.approx(
            summary["true_density_nats"]
        )
        assert (folder / k / "checkpoints" / "last.pt").exists()
    longer = stage("mdn_forked_map", "fit.steps=8", "walker.holdout=80", "walker.hidden=8")
    assert longer.code == 0
    assert "resuming at step 6 of 8" in longer.out


@pytest.mark.parametrize(
    ("edges", "sigma", "named"),
    [
        ([[0, 1], [1, 2], [2, 2]], 0.1, "two different nodes"),
        ([[0, 1], [1, 2]], 0.1, "less than 2 edges"),
        ([[0, 1], [1, 2], [2, 0]], 0.5, "map.sigma"),
    ],
)
def test_impossible_maps_are_refused(edges, sigma, named):
    with pytest.raises(ValueError, match=named):
        MapConfig([[0, 0], [1, 0], [1, 1]], edges, sigma)
