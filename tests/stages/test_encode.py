"""Encoding: what the run upstream has encoded with the same V is not encoded again."""

import numpy as np
import pytest

from worldmodel.data.latents import LatentStore
from worldmodel.run.layout import read_done

TINY = ["experiment=tiny", "env=cart_pole"]


@pytest.fixture
def two_rounds(stages, finished, tmp_path):
    """Four episodes, and then these and three more; returns the latents of both runs."""
    finished("encode", *TINY, "name=one")
    stages("collect", *TINY, "name=two", "upstream=one", "collect.replay=one",
           "collect.episodes=3")  # fmt: skip
    return lambda name: tmp_path / "runs" / name / "seed0" / "encode"


def test_only_new_episodes_are_encoded(stages, two_rounds):
    stages("encode", *TINY, "name=two", "upstream=one")
    old, new = (LatentStore.open(two_rounds(name) / "latents") for name in ("one", "two"))
    assert new.indices() == list(range(7))
    for index in old.indices():
        np.testing.assert_array_equal(old.episode(index).mu, new.episode(index).mu)
        np.testing.assert_array_equal(old.episode(index).logvar, new.episode(index).logvar)
    figures = read_done(two_rounds("two"))["figures"]
    fresh = sum(new.length(index) + 1 for index in range(4, 7))
    assert figures["encoded_anew"] == fresh
    assert figures["frames"] == fresh + sum(old.length(index) + 1 for index in range(4))


def test_another_v_encodes_everything(stages, two_rounds):
    stages("train_vae encode", *TINY, "name=two", "upstream=one", "train_vae.fit.steps=3")
    figures = read_done(two_rounds("two"))["figures"]
    assert figures["encoded_anew"] == figures["frames"]
