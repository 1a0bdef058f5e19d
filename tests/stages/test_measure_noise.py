"""The noise around an agent, in the world that it was evolved in."""

import numpy as np
import pytest

from worldmodel.run.json_file import read_json
from worldmodel.run.layout import read_done

BASE = ("experiment=tiny", "env=cart_pole")
FEW = ("measure.candidates=6", "measure.episodes=8", "measure.groups=2", "measure.draws=4",
       "measure.sigmas=[0.5]")  # fmt: skip


@pytest.mark.parametrize("world", ["real", "dream"])
def test_an_agent_and_candidates_around_it(stage, finished, tmp_path, world):
    finished("train_controller", *BASE, f"world={world}")
    outcome = stage("measure_noise", *BASE, f"world={world}", *FEW)
    assert outcome.code == 0, outcome.err
    assert "6 candidates on 8 episodes" in outcome.out
    folder = tmp_path / "runs/tiny/seed0/measure_noise"
    (returns,) = np.load(folder / "returns.npy")
    assert returns.shape == (7, 8)
    row = read_json(folder / "summary.json")["0.5"]
    assert row["agent"] == pytest.approx(returns[0].mean())
    assert row["candidates"] == pytest.approx(returns[1:].mean())
    assert read_done(folder)["figures"]["agent_0.5"] == row["agent"]


@pytest.mark.parametrize(
    ("override", "said"),
    [("measure.sigmas=[]", "measure.sigmas is []"), ("measure.sigmas=[-1.0]", "above 0"),
     ("measure.groups=5", "measure.groups is 5"), ("measure.draws=1", "at least 2")],
)  # fmt: skip
def test_bad_numbers_name_the_key(stage, finished, override, said):
    finished("train_controller", *BASE)
    outcome = stage("measure_noise", *BASE, *FEW, override)
    assert outcome.code == 1
    assert said in outcome.err
