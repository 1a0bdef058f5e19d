"""Which episodes are for training, which are held out, and how often the newest ones come."""

from collections.abc import Callable, Sequence

from worldmodel.seed import derive


def split(
    indices: Sequence[int], holdout_fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Divide episodes into (train, hold-out), both sorted; the same for the same arguments.

    Two or more episodes leave at least one on each side. A single episode is on both sides: the
    hold-out then measures nothing new, see `warn_if_shared`. Each episode draws its own lot, so one
    that is held out mostly stays so when more episodes are collected later.
    """
    ordered = sorted(indices)
    if len(ordered) <= 1:
        return ordered, list(ordered)
    count = min(max(1, round(holdout_fraction * len(ordered))), len(ordered) - 1)
    drawn = sorted(ordered, key=lambda index: (derive(seed, "split", index), index))
    return sorted(drawn[count:]), sorted(drawn[:count])


def warn_if_shared(
    train: Sequence[int], holdout: Sequence[int], say: Callable[[str], None]
) -> None:
    """Say so where both sides are the same episode."""
    if list(train) == list(holdout):
        say("there is only one episode: hold-out figures are of the training data")


def newest(indices: Sequence[int], newest_from: int) -> list[int]:
    """The episodes from index `newest_from` on, in the order given.

    Where nothing was replayed (`newest_from` is 0) no episode is newer than another: none.
    """
    return [index for index in indices if 0 < newest_from <= index]


def repeat_newest(indices: Sequence[int], newest_from: int, weight: int | None) -> list[int]:
    """Each episode as often as it comes in an epoch: the newest `weight` times (None: once)."""
    return list(indices) + newest(indices, newest_from) * ((weight or 1) - 1)
