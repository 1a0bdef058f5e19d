import pytest
import torch

from worldmodel.data.rows import Rows


def rows(batch_size=4, seed=0):
    column = torch.arange(20.0)
    return Rows({"x": column, "y": 2 * column}, batch_size, 0.25, seed)


def take(data, start, count):
    stream = data.batches(start)
    return [next(stream) for _ in range(count)]


def test_an_epoch_holds_every_training_row_once():
    data = rows()
    assert data.batches_per_epoch == 4
    first, second = take(data, 0, 4), take(data, 4, 4)
    for epoch in (first, second):
        x = torch.cat([batch["x"] for batch in epoch])
        assert x.sort().values.tolist() == list(range(15))
        assert all(torch.equal(batch["y"], 2 * batch["x"]) for batch in epoch)
    assert not torch.equal(first[0]["x"], second[0]["x"])


def test_a_stream_can_be_taken_up_anywhere():
    whole = take(rows(), 0, 11)
    for start in (3, 4, 9):
        for ours, theirs in zip(take(rows(), start, 2), whole[start:], strict=False):
            assert torch.equal(ours["x"], theirs["x"])
    assert not torch.equal(take(rows(seed=1), 0, 1)[0]["x"], whole[0]["x"])


def test_held_out_rows_are_never_trained_on():
    (held_out,) = rows().holdout()
    assert held_out["x"].tolist() == list(range(15, 20))


def test_nothing_to_hold_out_is_refused():
    with pytest.raises(ValueError, match="holdout_fraction"):
        Rows({"x": torch.zeros(3)}, 2, 0.01, 0)
