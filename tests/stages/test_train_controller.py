"""How outputs become actions belongs to the controller, whatever a later call says."""

import numpy as np
import pytest

from worldmodel.run import checkpoint
from worldmodel.run.layout import checkpoint_path

TINY = ["experiment=tiny", "env=pendulum"]


@pytest.mark.slow
def test_a_controller_is_evaluated_and_warm_starts_knowing_how_it_acted(
    stages, stage, finished, tmp_path
):
    finished("train_mdnrnn", *TINY)
    stages("train_controller", *TINY, "env.squash=[off]")
    stages("evaluate", *TINY)
    actions = sorted((tmp_path / "runs" / "tiny").rglob("actions/*.npy"))
    assert actions
    assert not any(np.load(path).any() for path in actions)
    again = stage("train_controller", *TINY, "name=on", "upstream=tiny", "start=tiny")
    assert again.code == 0, again.err
    assert "tiny was evolved with env.squash=[off]" in again.out + again.err
    folders = [tmp_path / "runs" / name / "seed0" / "train_controller" for name in ("tiny", "on")]
    first, second = (checkpoint.load(checkpoint_path(folder, "last")) for folder in folders)
    assert first["tally"]["earlier"] == 0
    assert second["tally"]["earlier"] == len(first["cma"]["told"]) > 0
