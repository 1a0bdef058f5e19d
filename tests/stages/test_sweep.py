"""One command sweeps the dream's temperature, or the controllers, on another run's V and M."""

import pytest
import torch

from worldmodel.agent.load import load_mdnrnn
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.run.layout import read_done
from worldmodel.run.log import read_metrics

BASE = ["experiment=tiny", "env=pendulum", "name=base"]
TINY = [*BASE, "evaluate.videos=false"]


@pytest.fixture
def sweep(stage):
    """sweep(script, *jobs): what the sweep printed; its stages are processes of their own."""

    def run(script: str, *jobs: str) -> str:
        outcome = stage(script, *TINY, *jobs)
        assert outcome.code == 0, outcome.err
        return outcome.out

    return run


@pytest.mark.slow
def test_sweep_and_table(sweep, finished, tmp_path):
    finished("train_mdnrnn", *BASE)
    runs, temperatures = tmp_path / "runs", "world.config.temperature=0.5"
    out = sweep("sweep_temperature", f"{temperatures},1.25")
    last = out[out.rindex("dream score") :]
    for tau in ("0.5", "1.25"):
        folder = runs / "base" / f"tau{tau}" / "seed0"
        assert not (folder / "train_mdnrnn").exists()
        assert read_done(folder / "evaluate")["figures"]["episodes"] == 3
        inside = read_done(folder / "train_controller")["figures"]
        assert f"{inside['world_score']:.4g} ± {inside['world_sd']:.4g}" in last
        rows = read_metrics(folder / "train_controller")
        both = {"selection/mean", "dream/mean"}
        assert both <= set().union(*rows)
    assert sweep("sweep_temperature", temperatures).count("done already") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.slow
def test_ablations_and_their_table(sweep, stage, finished, tmp_path):
    finished("train_mdnrnn", *BASE)
    runs = tmp_path / "runs"
    small = "+ablations.small_m=['mdnrnn.hidden=4']"
    out = sweep("sweep_ablation", "ablation=z_hidden,random_m,small_m", small)
    last = out[out.rindex("what V, M and C") :]
    assert "788 ± 141" in last
    found = {}
    for name in ("z_hidden", "random_m", "small_m"):
        folder = runs / "base" / name / "seed0"
        evolved = read_done(folder / "train_controller")["figures"]
        found[name] = evolved["parameters"]
        figures = read_done(folder / "evaluate")["figures"]
        row = next(line for line in last.splitlines() if f" {name} " in line)
        assert f"{figures['mean']:.4g} ± {figures['sd']:.4g}" in row
        assert f"{evolved['generations']:,}" in row
        assert f"{evolved['env_steps']:,}" in row
    assert found == {"z_hidden": 40 * 5 + 41, "random_m": 4 + 8 + 1, "small_m": 4 + 4 + 1}
    path = runs / "base" / "random_m" / "seed0" / "train_mdnrnn" / "checkpoints" / "best.pt"
    untrained = load_mdnrnn(path)
    torch.manual_seed(0)
    fresh = MDNRNN(untrained.config, untrained.z_dim, untrained.action_dim)
    for one, two in zip(fresh.parameters(), untrained.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)
    assert stage("sweep_ablation", *TINY, "ablation=none").code == 1


def test_the_real_world_has_no_temperature(stage):
    for world in ("real", "hybrid"):
        outcome = stage("sweep_temperature", *TINY, f"world={world}")
        assert outcome.code == 1
        assert "needs world=dream" in outcome.err


@pytest.mark.slow
def test_many_seeds_of_a_sweep_keep_its_own_list_together(stage):
    outcome = stage("sweep_ablation", *TINY, "-m", "ablation=none,full", "seed=0,1")
    assert outcome.code == 1
    assert "ablation=none,full seed=0\n" in outcome.out
    assert "[1/2]" in outcome.out
    assert "[2/2]" not in outcome.out, "a failure stops the rest"
    assert "ablation is none" in outcome.err
