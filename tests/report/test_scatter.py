"""The picture of dream against reality."""

import numpy as np
import pytest

from worldmodel.report.scatter import dream_and_reality


def dots(picture):
    """Rows and columns of what is blue."""
    return np.argwhere(picture[..., 2].astype(int) - picture[..., 0] > 60)


@pytest.mark.parametrize("line", ["fit", "equality"])
def test_the_best_of_both_is_top_right(line):
    pairs = np.array([[0, 0], [1, 5], [2, 10]], np.float32)
    picture = dream_and_reality(pairs, "candidates", line)
    assert picture.shape == (640, 640, 3)
    assert picture.dtype == np.uint8
    at = dots(picture)
    assert len(at) > 50
    # The higher a dot, the further to the right.
    assert np.corrcoef(at.T)[0, 1] < -0.9


def test_reality_is_upwards():
    flat = dots(dream_and_reality(np.array([[0, 3], [10, 3], [5, 4]], np.float32), "x", "fit"))
    left, right = flat[flat[:, 1] < 250], flat[flat[:, 1] > 450]
    middle = flat[(flat[:, 1] > 250) & (flat[:, 1] < 450)]
    assert len(left) > 15
    assert len(right) > 15
    assert middle[:, 0].max() < min(left[:, 0].min(), right[:, 0].min())


@pytest.mark.parametrize("line", ["fit", "equality"])
def test_points_in_one_place_make_a_picture_too(line):
    assert len(dots(dream_and_reality(np.ones((3, 2), np.float32), "candidates", line)))


def test_only_these_lines():
    with pytest.raises(KeyError):
        dream_and_reality(np.ones((3, 2), np.float32), "candidates", "spline")
