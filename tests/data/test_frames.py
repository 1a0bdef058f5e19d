"""V's loader: every frame once per epoch, seekable, in bounded memory."""

import hashlib
import weakref
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from toy_episodes import fill

from worldmodel.data import frames as frames_module
from worldmodel.data.frames import FramesConfig
from worldmodel.types import UserError

CONFIG = FramesConfig(
    batch_size=16, buffer_frames=200, holdout_fraction=0.2, holdout_frames=40, newest_weight=None
)

FrameData = partial(frames_module.FrameData, motion=0.15)


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def names(batch):
    """(episode, frame) of every frame of a batch."""
    red, green, blue = batch["frames"][:, 0, 0].numpy().astype(int).T
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


# What the loader gave before it knew any weights: runs of that time have to go on bit by bit.
STREAMS = {200: "b68ef87a4d58f809", 100_000: "89fab6bf7d16ceec"}


@pytest.mark.parametrize("buffer_frames", [200, 100_000])
@pytest.mark.parametrize(("weight", "same"), [(None, True), (1, True), (2, False)])
def test_without_a_weight_nothing_has_changed(joined, buffer_frames, weight, same):
    config = replace(CONFIG, buffer_frames=buffer_frames, newest_weight=weight)
    stream = [n for batch in islice(FrameData(joined, config, 0).batches(0), 100)
              for n in names(batch)]  # fmt: skip
    digest = hashlib.sha256(np.array(stream, np.int64).tobytes()).hexdigest()
    assert (digest[:16] == STREAMS[buffer_frames]) == same


HALF = replace(CONFIG, holdout_fraction=0.5)
SEED = 2  # splits the six episodes into 0, 2, 3 to train on and 1, 4, 5


@pytest.mark.parametrize("buffer_frames", [200, 100_000])
def test_newest_frames_come_as_often_as_their_weight_says(joined, buffer_frames):
    config = replace(HALF, buffer_frames=buffer_frames, newest_weight=3)
    data = FrameData(joined, config, SEED)
    assert data.train_episodes == [0, 2, 3]
    assert data.frames == 31 + 8 + 3 * 261
    stream = [n for batch in islice(data.batches(0), data.frames // 16 + 1) for n in names(batch)]
    assert Counter(stream[: data.frames]) == {
        (episode, t): 3 if episode == 3 else 1
        for episode in data.train_episodes
        for t in range(joined.lengths()[episode] + 1)
    }


def test_a_weight_needs_replayed_episodes(store):
    plain = FrameData(store, CONFIG, 0)
    weighted = FrameData(store, replace(CONFIG, newest_weight=3), 0)
    assert weighted.frames == plain.frames
    for one, two in zip(islice(plain.batches(0), 50), weighted.batches(0), strict=False):
        assert same(one, two)


@pytest.mark.parametrize("holdout_frames", [40, 1000])
def test_newest_holdout_frames_are_those_of_the_newest_episodes(joined, holdout_frames):
    data = FrameData(joined, replace(HALF, holdout_frames=holdout_frames), SEED)
    assert data.holdout_episodes == [1, 4, 5]
    held = [n for batch in data.holdout_newest() for n in names(batch)]
    whole = [(episode, t) for episode in (4, 5) for t in range(joined.lengths()[episode] + 1)]
    assert len(held) == min(holdout_frames, len(whole))
    assert len(set(held)) == len(held)
    assert set(held) <= set(whole)
    assert {episode for episode, _ in held} == {4, 5}
    assert held == [n for batch in data.holdout_newest() for n in names(batch)]
    assert {len(batch["frames"]) for batch in list(data.holdout_newest())[:-1]} == {16}


def test_no_newest_holdout_frames(store, joined):
    assert list(FrameData(store, HALF, SEED).holdout_newest()) == []
    data = FrameData(joined, HALF, 1)
    assert data.holdout_episodes == [0, 1, 2]
    assert list(data.holdout_newest()) == []


@pytest.mark.parametrize("buffer_frames", [200, 100_000])
@pytest.mark.parametrize("start", [1, 17, 45, 100])
@pytest.mark.parametrize("weight", [None, 2])
def test_seeking_equals_skipping(joined, buffer_frames, start, weight):
    config = replace(CONFIG, buffer_frames=buffer_frames, newest_weight=weight)
    straight = list(islice(FrameData(joined, config, 3).batches(0), start + 5))[start:]
    sought = list(islice(FrameData(joined, config, 3).batches(start), 5))
    for one, two in zip(straight, sought, strict=True):
        assert same(one, two)


def test_batches_mix_episodes(store):
    batch = next(iter(FrameData(store, replace(CONFIG, buffer_frames=100_000), 0).batches(0)))
    assert batch["frames"].shape == (16, 8, 8, 3)
    assert batch["moves"].shape == (16, 8, 8)
    assert len({episode for episode, _ in names(batch)}) > 1


def test_never_more_than_two_groups_in_memory(store, monkeypatch):
    alive, made, whole = weakref.WeakValueDictionary(), [], frames_module._Group

    def group(*parts):
        alive[len(made)] = one = whole(*parts)
        made.append(len(alive))
        return one

    monkeypatch.setattr(frames_module, "_Group", group)
    data = FrameData(store, CONFIG, 0)
    for _ in islice(data.batches(0), 120):
        assert 1 <= len(alive) <= 2
    assert len(made) > 4
    assert max(made) == 2
    assert data.ram_bound_bytes() < 2 * (300 + 300) * 8 * 8 * (3 + 1)


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
    assert [len(batch["frames"]) for batch in islice(data.batches(0), 3)] == [16, 16, 16]
    assert sum(len(batch["frames"]) for batch in data.holdout()) == 5


def test_no_episode_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="holds no whole episode: run collect first"):
        FrameData(fill(tmp_path / "e", []), CONFIG, 0)


def test_damage_reaches_the_consumer(store):
    data = FrameData(store, CONFIG, 0)
    victim = data.train_episodes[0]
    (store.root / f"{victim:06d}.zip").write_bytes(b"nothing")
    with pytest.raises(UserError, match=f"{victim:06d}.zip is damaged"):
        list(islice(data.batches(0), 200))


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 0), ("buffer_frames", 0), ("holdout_fraction", 1.0), ("newest_weight", 0)],
)
def test_bad_numbers_name_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: value})
