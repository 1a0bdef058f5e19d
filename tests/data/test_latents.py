"""Latents: written whole, cut into windows, the same held-out episodes as for V."""

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from toy_episodes import make_episode

from worldmodel.data.latents import LatentData, LatentStore, LatentWriter, WindowsConfig
from worldmodel.data.split import split
from worldmodel.types import UserError

CONFIG = WindowsConfig(batch_size=4, length=20, holdout_fraction=0.2, newest_weight=None)
Z = 2


def codes(index, frames):
    """Mu tells episode and frame; logvar is another function of them."""
    mu = np.stack([np.full(frames, index), np.arange(frames)], 1).astype(np.float32)
    return mu, -mu - 1


def encoded(store, folder) -> LatentStore:
    with LatentWriter(folder, store, Z) as writer:
        for index, steps in store.lengths().items():
            writer.append(index, *codes(index, steps + 1), store.read(index))
    return LatentStore.open(folder)


@pytest.fixture
def latents(store, tmp_path) -> LatentStore:
    return encoded(store, tmp_path / "latents")


@pytest.fixture
def joined_latents(joined, tmp_path) -> LatentStore:
    return encoded(joined, tmp_path / "joined_latents")


def test_round_trip(store, latents):
    assert latents.indices() == store.indices()
    assert latents.z_dim == Z
    assert latents.action_dim == 1
    for index, steps in store.lengths().items():
        there, here = latents.episode(index), make_episode(index, steps)
        assert latents.length(index) == steps
        np.testing.assert_array_equal(there.mu, codes(index, steps + 1)[0])
        np.testing.assert_array_equal(there.logvar, codes(index, steps + 1)[1])
        for name in ("action", "reward", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(there, name), getattr(here, name))


def test_first_frames(latents):
    mu, logvar = latents.first_frames()
    assert mu[:, 0].tolist() == latents.indices()
    assert not mu[:, 1].any()
    assert logvar[:, 1].tolist() == [-1.0] * 6


def test_an_unfinished_writer_leaves_the_old_folder(store, latents):
    with (
        pytest.raises(ValueError, match="were not appended"),
        LatentWriter(latents.folder, store, Z) as writer,
    ):
        writer.append(0, *codes(0, 31), store.read(0))
    assert LatentStore.open(latents.folder).indices() == store.indices()
    assert [p.name for p in latents.folder.parent.iterdir() if p.name.startswith(".")] == []


def test_missing_and_cut_off(latents, tmp_path):
    with pytest.raises(UserError, match="missing: run encode first"):
        LatentStore.open(tmp_path / "nowhere")
    path = latents.folder / "mu.npy"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="latents is damaged"):
        LatentStore.open(latents.folder)


def test_not_finite_names_the_file(latents):
    values = np.load(latents.folder / "logvar.npy")
    values[5, 1] = np.nan
    np.save(latents.folder / "logvar.npy", values)
    with pytest.raises(UserError, match=r"logvar\.npy holds a value that is not finite.*row 5"):
        LatentData(LatentStore.open(latents.folder), CONFIG, 0)


def check_window(batch, row, latents):
    steps = int(batch["mask"][row].sum())
    assert steps >= 1
    assert batch["mask"][row].tolist() == [1.0] * steps + [0.0] * (20 - steps)
    index, start = (int(value) for value in batch["mu"][row, 0])
    episode = latents.episode(index)
    frames, span = slice(start, start + steps + 1), slice(start, start + steps)
    np.testing.assert_array_equal(batch["mu"][row, : steps + 1], episode.mu[frames])
    np.testing.assert_array_equal(batch["logvar"][row, : steps + 1], episode.logvar[frames])
    np.testing.assert_array_equal(batch["action"][row, :steps], episode.action[span])
    np.testing.assert_array_equal(batch["reward"][row, :steps], episode.reward[span])
    np.testing.assert_array_equal(batch["end"][row, :steps], episode.terminated[span])
    assert not batch["action"][row, steps:].any()
    return index, [(index, start + t) for t in range(steps)]


def test_windows_are_slices_and_cover_every_step_once(latents):
    data = LatentData(latents, CONFIG, 0)
    total = sum(latents.length(index) for index in data.train_episodes)
    seen = []
    for batch in data.batches(0):
        assert batch["mu"].shape == (4, 21, Z)
        assert batch["action"].shape == (4, 20, 1)
        for row in range(4):
            index, steps = check_window(batch, row, latents)
            assert index in data.train_episodes
            seen += steps
        if len(seen) >= 2 * total:
            break
    counts = np.unique([hash(step) for step in seen[:total]], return_counts=True)[1]
    assert counts.max() <= 2  # the epoch's last windows may be followed by the next one's
    assert set(seen) == {(e, t) for e in data.train_episodes for t in range(latents.length(e))}


def windows(data):
    """(episode, first step, steps) of every window, endlessly."""
    for batch in data.batches(0):
        steps = batch["mask"].sum(1)
        for (index, start), count in zip(batch["mu"][:, 0].tolist(), steps.tolist(), strict=True):
            yield int(index), int(start), int(count)


@pytest.mark.parametrize(("weight", "same"), [(None, True), (1, True), (2, False)])
def test_without_a_weight_nothing_has_changed(joined_latents, weight, same):
    data = LatentData(joined_latents, replace(CONFIG, newest_weight=weight), 0)
    stream = np.array(list(islice(windows(data), 160)), np.int64)
    # What came before there were weights: runs of that time have to go on bit by bit.
    assert (hashlib.sha256(stream.tobytes()).hexdigest()[:16] == "d11e938d0ec09c12") == same


HALF = replace(CONFIG, holdout_fraction=0.5)
SEED = 2  # splits the six episodes into 0, 2, 3 to train on and 1, 4, 5


def test_newest_steps_come_as_often_as_their_weight_says(joined_latents):
    data = LatentData(joined_latents, replace(HALF, newest_weight=3), SEED)
    assert data.train_episodes == [0, 2, 3]
    assert joined_latents.newest_from == 3
    stream = windows(data)
    for _ in range(2):
        seen, first = Counter(), Counter()
        while sum(seen.values()) < 30 + 7 + 3 * 260:
            index, start, count = next(stream)
            seen.update((index, start + t) for t in range(count))
            first[index, start] += 1
        assert seen == {
            (episode, t): 3 if episode == 3 else 1
            for episode in data.train_episodes
            for t in range(joined_latents.length(episode))
        }
        phases = Counter(start % 20 for index, start in first if index == 3 and start)
        assert len(phases) > 1


def test_a_weight_needs_replayed_episodes(latents):
    weighted = windows(LatentData(latents, replace(CONFIG, newest_weight=3), 0))
    plain = windows(LatentData(latents, CONFIG, 0))
    assert list(islice(weighted, 100)) == list(islice(plain, 100))


def test_newest_holdout_windows_are_those_of_the_newest_episodes(joined_latents):
    data = LatentData(joined_latents, replace(HALF, batch_size=3), SEED)
    assert data.holdout_episodes == [1, 4, 5]
    held = list(data.holdout_newest())
    assert [len(batch["mu"]) for batch in held] == [3, 1]
    seen = [check_window(batch, row, joined_latents)
            for batch in held for row in range(len(batch["mu"]))]  # fmt: skip
    assert [step for _, steps in seen for step in steps] == [
        (episode, t) for episode, count in ((4, 45), (5, 12)) for t in range(count)
    ]


def test_no_newest_holdout_windows(latents, joined_latents):
    assert latents.newest_from == 0
    assert list(LatentData(latents, HALF, SEED).holdout_newest()) == []
    data = LatentData(joined_latents, HALF, 1)
    assert data.holdout_episodes == [0, 1, 2]
    assert list(data.holdout_newest()) == []


@pytest.mark.parametrize("start", [1, 9, 40])
@pytest.mark.parametrize("weight", [None, 2])
def test_seeking_equals_skipping(joined_latents, start, weight):
    config = replace(CONFIG, newest_weight=weight)
    straight = list(islice(LatentData(joined_latents, config, 2).batches(0), start + 3))[start:]
    sought = list(islice(LatentData(joined_latents, config, 2).batches(start), 3))
    for one, two in zip(straight, sought, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_the_same_episodes_are_held_out_as_for_v(latents):
    data = LatentData(latents, CONFIG, 5)
    assert (data.train_episodes, data.holdout_episodes) == split(latents.indices(), 0.2, 5)
    held = list(data.holdout())
    for batch in held:
        for row in range(len(batch["mu"])):
            assert check_window(batch, row, latents)[0] in data.holdout_episodes
    again = list(data.holdout())
    np.testing.assert_array_equal(held[0]["mu"], again[0]["mu"])


def test_reward_statistics(latents):
    data = LatentData(latents, CONFIG, 0)
    reward = np.concatenate([latents.episode(e).reward for e in data.train_episodes])
    mean, std = data.reward_statistics()
    assert mean == pytest.approx(reward.mean(), rel=1e-5)
    assert std == pytest.approx(reward.std(), rel=1e-4)


@pytest.mark.parametrize(("key", "value"), [("batch_size", 0), ("length", 1), ("newest_weight", 0)])
def test_bad_numbers_name_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: value})


def test_less_noise_narrows_the_posterior_and_nothing_else(latents):
    whole, narrow, still = (
        next(LatentData(latents, CONFIG, 0, z_noise).batches(0)) for z_noise in (1.0, 0.5, 0.0)
    )
    real = whole["logvar"] != 0
    for name in set(whole) - {"logvar"}:
        assert torch.equal(whole[name], narrow[name])
    torch.testing.assert_close(
        narrow["logvar"][real], whole["logvar"][real] + 2 * np.log(0.5), rtol=1e-5, atol=1e-5
    )
    assert (narrow["logvar"][~real] == 0).all(), "padding stays padding"
    assert torch.isfinite(still["logvar"]).all()
    assert (still["logvar"][real].exp() < 1e-9).all()
