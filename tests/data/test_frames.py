"""V's loader: every frame once per epoch, seekable, in bounded memory."""

import gc
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from toy_episodes import fill

from worldmodel.data import frames as frames_module
from worldmodel.data.frames import FrameData, FramesConfig
from worldmodel.types import UserError

CONFIG = FramesConfig(batch_size=16, buffer_frames=200, holdout_fraction=0.2, holdout_frames=40)


def names(batch):
    """(episode, frame) of every frame of a batch."""
    red, green, blue = batch[:, 0, 0].numpy().astype(int).T
    return list(zip(red.tolist(), (256 * blue + green).tolist(), strict=True))


@pytest.mark.parametrize("buffer_frames", [200, 100_000])
def test_every_frame_exactly_once_per_epoch(store, buffer_frames):
    data = FrameData(store, replace(CONFIG, buffer_frames=buffer_frames), seed=0)
    wanted = {(e, t) for e in data.train_episodes for t in range(store.lengths()[e] + 1)}
    assert data.frames == len(wanted)
    stream = [
        n for batch in islice(data.batches(0), 2 * data.frames // 16 + 1) for n in names(batch)
    ]
    first, second = stream[: data.frames], stream[data.frames : 2 * data.frames]
    assert set(first) == wanted
    assert sorted(first) == sorted(second)
    assert first != second


@pytest.mark.parametrize("buffer_frames", [200, 100_000])
@pytest.mark.parametrize("start", [1, 17, 45, 100])
def test_seeking_equals_skipping(store, buffer_frames, start):
    config = replace(CONFIG, buffer_frames=buffer_frames)
    straight = list(islice(FrameData(store, config, 3).batches(0), start + 5))[start:]
    sought = list(islice(FrameData(store, config, 3).batches(start), 5))
    for one, two in zip(straight, sought, strict=True):
        np.testing.assert_array_equal(one, two)


def test_batches_mix_episodes(store):
    batch = next(iter(FrameData(store, replace(CONFIG, buffer_frames=100_000), 0).batches(0)))
    assert batch.shape == (16, 8, 8, 3)
    assert len({episode for episode, _ in names(batch)}) > 1


def test_never_more_than_two_groups_in_memory(store):
    data = FrameData(store, CONFIG, 0)
    most = 0
    for _ in islice(data.batches(0), 120):
        gc.collect()
        alive = sum(isinstance(o, frames_module._Group) for o in gc.get_objects())
        most = max(most, alive)
    assert 1 <= most <= 2
    assert data.ram_bound_bytes() < 2 * (300 + 300) * 8 * 8 * 3


def test_the_bound_does_not_grow_with_the_data(tmp_path):
    small, large = fill(tmp_path / "s", [300] * 4), fill(tmp_path / "l", [300] * 12)
    bounds = {FrameData(store, CONFIG, 0).ram_bound_bytes() for store in (small, large)}
    assert len(bounds) == 1


def test_holdout_is_fixed_disjoint_and_limited(store):
    data = FrameData(store, CONFIG, 0)
    held = [n for batch in data.holdout() for n in names(batch)]
    assert held == [n for batch in data.holdout() for n in names(batch)]
    assert {episode for episode, _ in held} <= set(data.holdout_episodes)
    assert not set(data.holdout_episodes) & set(data.train_episodes)
    assert len(held) <= 40


def test_one_short_episode_is_enough(tmp_path):
    data = FrameData(fill(tmp_path / "e", [4]), CONFIG, 0)
    assert [len(batch) for batch in islice(data.batches(0), 3)] == [16, 16, 16]
    assert sum(len(batch) for batch in data.holdout()) == 5


def test_no_episode_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="holds no whole episode: run collect first"):
        FrameData(fill(tmp_path / "e", []), CONFIG, 0)


def test_damage_reaches_the_consumer(store):
    data = FrameData(store, CONFIG, 0)
    victim = data.train_episodes[0]
    for path in (store.root / f"{victim:06d}" / "obs" / "c").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(UserError, match=f"{victim:06d} is damaged"):
        list(islice(data.batches(0), 200))


@pytest.mark.parametrize(
    ("key", "value"), [("batch_size", 0), ("buffer_frames", 0), ("holdout_fraction", 1.0)]
)
def test_bad_numbers_name_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: value})
