"""Which episodes are for training, which are held out, and how often the newest ones come."""

from collections.abc import Callable, Sequence

from worldmodel.seed import derive_fraction


def split(
    indices: Sequence[int], holdout_fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Divide episodes into (train, hold-out), both sorted; the same for the same arguments.

    Each episode draws its own lot, held out with probability `holdout_fraction`, so it stays on its
    side when others join it later: what a model has been trained on is never held out from the next
    one. Two or more episodes leave at least one on each side, for which few of them may change
    sides. A single episode is on both: the hold-out then measures nothing new, see
    `tell_if_shared`.
    """
    ordered = sorted(indices)
    if len(ordered) <= 1:
        return ordered, list(ordered)
    lots = {index: derive_fraction(seed, "split", index) for index in ordered}
    drawn = sorted(ordered, key=lots.__getitem__)
    count = sum(lot < holdout_fraction for lot in lots.values())
    count = min(max(1, count), len(ordered) - 1)
    return sorted(drawn[count:]), sorted(drawn[:count])


def tell_if_shared(
    train: Sequence[int], holdout: Sequence[int], say: Callable[[str], None]
) -> None:
    """Say so where both sides are the same episode."""
    if list(train) == list(holdout):
        say("there is one episode only: hold-out figures are of what was trained on")


def newest(indices: Sequence[int], newest_from: int) -> list[int]:
    """The episodes from index `newest_from` on, in the order given.

    Where nothing was replayed (`newest_from` is 0) no episode is newer than another: none.
    """
    return [index for index in indices if 0 < newest_from <= index]


def repeat_newest(indices: Sequence[int], newest_from: int, weight: int | None) -> list[int]:
    """Each episode as often as it comes in an epoch: the newest `weight` times (None: once)."""
    return list(indices) + newest(indices, newest_from) * ((weight or 1) - 1)
