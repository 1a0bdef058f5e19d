import itertools

import numpy as np
import pytest
import torch
from drawings import drawings

from worldmodel.data.sequences import SequenceData, concat, pad, sorted_batches
from worldmodel.types import UserError


def same(rows, rng, train):
    return rows


def numbered(lengths, split=None):
    """Sequences whose rows are numbered, so that each can be told."""
    ends = np.cumsum(lengths)
    rows = np.arange(ends[-1], dtype=np.float32)[:, None]
    items = np.split(rows, ends[:-1])
    return concat(items, np.zeros(len(lengths)) if split is None else split)


def test_a_sequence_is_its_rows():
    sequences = numbered([3, 1, 4], [0, 1, 0])
    assert sequences[2].ravel().tolist() == [4, 5, 6, 7]
    assert sequences.of("train").tolist() == [0, 2]
    assert sequences.rows_of("valid").ravel().tolist() == [3]
    kept = sequences.kept(np.array([False, True, True]))
    assert [len(kept[i]) for i in range(2)] == [1, 4]
    assert kept[1].ravel().tolist() == [4, 5, 6, 7]


def test_no_sequences_are_said():
    with pytest.raises(UserError, match="no sequences"):
        concat([], [])


def test_every_sequence_comes_once_an_epoch_beside_some_of_its_length():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    epoch = list(itertools.islice(sorted_batches(lengths, 10, 3, 0), 100))
    assert sorted(np.concatenate([batch for _, batch in epoch])) == list(range(1000))
    spread = np.mean([np.ptp(lengths[batch]) for _, batch in epoch])
    assert spread < 10  # by chance it would be some 80


def test_batches_go_on_where_they_were():
    data = SequenceData(drawings(), same, 8, 5)
    whole = list(itertools.islice(data.batches(0), 13))
    rest = list(itertools.islice(data.batches(9), 4))
    for one, other in zip(whole[9:], rest, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_few_sequences_are_one_batch():
    data = SequenceData(drawings(9), same, 64, 0)
    batch = next(data.batches(0))
    assert len(batch["rows"]) == 7


@pytest.mark.parametrize("window", [2, 4, 7])
def test_long_sequences_are_cut_and_no_step_is_lost(window):
    """From every row to the next once, whichever piece it is in."""
    sequences = numbered([7, 3, 10, 2, 1, 1], [0, 0, 0, 0, 1, 2])
    data = SequenceData(sequences, same, 1, 0, window=window)
    pieces = sum(-(-(n - 1) // (window - 1)) for n in (7, 3, 10, 2))
    batches = list(itertools.islice(data.batches(0), pieces))
    steps = [pair for batch in batches
             for pair in itertools.pairwise(batch["rows"].ravel().tolist())]  # fmt: skip
    expected = [(i, i + 1) for i in range(21) if i + 1 not in (7, 10, 20)]
    assert sorted(steps) == expected
    assert {batch["rows"].shape[1] for batch in batches} <= set(range(2, window + 1))


def test_a_split_without_sequences_is_named():
    with pytest.raises(UserError, match="nothing to test"):
        SequenceData(numbered([3, 3], [0, 1]), same, 1, 0)


def test_a_mean_over_batches_is_one_over_rows():
    sequences = numbered([5, 2, 9, 1, 1, 30, 4, 1, 1], [1] * 7 + [0, 2])
    data = SequenceData(sequences, same, 3, 0)
    total = count = 0.0
    for batch in data.of("valid"):
        rows = batch["rows"][batch["mask"]]
        total += (rows.sum() / (len(batch["rows"]) * batch["per"])).item() * len(batch["rows"])
        count += len(batch["rows"])
    assert total / count == pytest.approx(sequences.rows_of("valid").mean(), rel=1e-6)


def test_padding_is_zero():
    rows, mask = pad(np.ones((9, 2), np.float32), np.array([0, 4]), np.array([4, 2]))
    assert rows.shape == (2, 4, 2)
    assert mask.sum(1).tolist() == [4, 2]
    assert (rows[~mask] == 0).all()
    assert (rows[mask] == 1).all()


def test_held_out_noise_is_the_same_every_time():
    def noisy(rows, rng, train):
        return rows + rng.random(rows.shape, np.float32)

    data = SequenceData(drawings(), noisy, 8, 0)
    for one, other in zip(data.of("test"), data.of("test"), strict=True):
        assert torch.equal(one["rows"], other["rows"])
