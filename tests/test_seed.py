"""Seeds: derived, stable, disjoint."""

import pytest

from worldmodel.seed import PURPOSES, derive, derive_many


def test_same_use_same_seed_other_use_other_seed():
    assert derive(3, "train", 1, 2) == derive(3, "train", 1, 2)
    uses = {derive(3, "train", 1, 2), derive(3, "train", 2, 1), derive(4, "train", 1, 2)}
    assert len(uses) == 3


def test_purposes_are_disjoint():
    ranges = {purpose: set(derive_many(0, purpose, 500)) for purpose in PURPOSES}
    union = set().union(*ranges.values())
    assert len(union) == 500 * len(PURPOSES)
    assert max(union) < 2**31
    assert {seed >> 27 for seed in ranges["test"]} == {PURPOSES.index("test")}


def test_more_seeds_start_with_the_same():
    assert derive_many(0, "test", 100)[:30] == derive_many(0, "test", 30)


def test_unknown_purpose():
    with pytest.raises(ValueError, match="lunch"):
        derive(0, "lunch")
