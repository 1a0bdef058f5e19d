"""A small store of toy episodes, and one whose last three joined replayed ones."""

import pytest
from toy_episodes import fill

from worldmodel.data.episodes import EpisodeStore

LENGTHS = [30, 300, 7, 260, 45, 12]


@pytest.fixture
def store(tmp_path) -> EpisodeStore:
    return fill(tmp_path / "episodes", LENGTHS)


@pytest.fixture
def joined(tmp_path) -> EpisodeStore:
    return fill(tmp_path / "joined", LENGTHS, newest_from=3)
