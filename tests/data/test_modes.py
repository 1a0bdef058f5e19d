"""Whoever may read a folder of a shared disk may read what stages write there."""

import os

import numpy as np
import pytest
from toy_episodes import SPEC, fill

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentWriter
from worldmodel.run import checkpoint


@pytest.fixture
def for_the_group():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_a_group_that_may_read_may_read_all(for_the_group, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:  # other threads write files of their own meanwhile
        patched.setattr(os, "umask", None)
        checkpoint.save(tmp_path / "checkpoints" / "best.pt", {"step": 1})
        checkpoint.save_json(tmp_path / "DONE", {})
        store = fill(tmp_path / "episodes", [3, 5])
        store.write(1, store.read(0))
        other = EpisodeStore.create(tmp_path / "adopted", {"spec": SPEC.to_dict()}, 1)
        other.adopt(store, store.indices())
        with LatentWriter(tmp_path / "latents", store, z_dim=2) as writer:
            for index in store.indices():
                episode = store.read(index)
                codes = np.zeros((len(episode) + 1, 2), np.float32)
                writer.append(index, codes, codes, episode)
    written = list(tmp_path.rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in written if path.is_dir()} == {0o750}
    assert {path.stat().st_mode & 0o777 for path in written if path.is_file()} == {0o640}
    assert len(written) > 15
