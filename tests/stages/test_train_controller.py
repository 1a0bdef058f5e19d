"""How outputs become actions belongs to the controller, whatever a later call says."""

import numpy as np
import pytest

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
