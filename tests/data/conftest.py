"""A small store of toy episodes."""

import pytest
from toy_episodes import fill

from worldmodel.data.episodes import EpisodeStore


@pytest.fixture
def store(tmp_path) -> EpisodeStore:
    return fill(tmp_path / "episodes", [30, 300, 7, 260, 45, 12])
