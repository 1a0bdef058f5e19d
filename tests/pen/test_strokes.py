import itertools

import numpy as np
import pytest

from worldmodel.pen.strokes import END, LIFT, simplify, to_steps, to_strokes

HOUSE = [
    np.array([[0, 0], [4, 0], [4, 3]], np.float32),
    np.array([[1, 1], [2, 2]], np.float32),
    np.array([[9, 9], [8, 7], [7, 7]], np.float32),
]


def test_steps_draw_the_strokes_that_they_were_made_of():
    steps = to_steps(HOUSE)
    assert steps[:, 2].tolist() == [0, LIFT, 0, LIFT, 0, 0, END]
    for drawn, given in zip(to_strokes(steps), HOUSE, strict=True):
        assert np.array_equal(drawn, given)


def test_a_dot_is_a_stroke():
    strokes = [HOUSE[0], np.array([[2, 9]], np.float32)]
    drawn = to_strokes(to_steps(strokes))
    assert [len(stroke) for stroke in drawn] == [3, 1]
    assert drawn[1].tolist() == [[2, 9]]


def test_a_drawing_may_begin_with_a_dot():
    strokes = [np.array([[1, 1]], np.float32), np.array([[2, 2], [3, 2]], np.float32)]
    drawn = to_strokes(to_steps(strokes))
    assert [len(stroke) for stroke in drawn] == [1, 2]
    assert drawn[1].tolist() == [[1, 1], [2, 1]]  # drawings begin at 0


def test_one_point_alone_is_a_drawing_and_none_is_not():
    assert to_steps([np.array([[5, 5]])]).tolist() == [[0, 0, END]]
    with pytest.raises(ValueError, match="at least one point"):
        to_steps([np.empty((0, 2))])


def test_the_pen_may_be_lifted_at_the_beginning():
    steps = np.array([[3, 0, 0], [1, 1, END]], np.float32)
    assert [stroke.tolist() for stroke in to_strokes(steps, down=False)] == [[[3, 0], [4, 1]]]


def test_what_follows_the_end_is_not_drawn():
    steps = np.array([[1, 0, 0], [1, 0, END], [5, 5, 0]], np.float32)
    assert [stroke.tolist() for stroke in to_strokes(steps)] == [[[0, 0], [1, 0], [2, 0]]]


def test_simplifying_keeps_ends_and_corners():
    along = np.linspace(0, 1, 50)[:, None]
    corner = np.concatenate([along * [10, 0], [10, 0] + along[1:] * [0, 10]]).astype(np.float32)
    assert simplify(corner, 0.1).tolist() == [[0, 0], [10, 0], [10, 10]]
    closed = np.concatenate([corner, corner[::-1]])
    there_and_back = [[0, 0], [10, 0], [10, 10], [10, 0], [0, 0]]
    assert simplify(closed, 0.1).tolist() == there_and_back


@pytest.mark.parametrize("tolerance", [0.05, 0.5])
def test_nothing_is_farther_than_the_tolerance(tolerance):
    t = np.linspace(0, 6, 300)
    curve = np.stack([t, np.sin(t)], 1).astype(np.float32)
    kept = simplify(curve, tolerance)
    assert 2 < len(kept) < 60
    for point in curve:
        ends = itertools.pairwise(kept)
        away = min(distance(point, a, b) for a, b in ends)
        assert away <= tolerance + 1e-6


def distance(point, a, b):
    share = np.clip(np.dot(point - a, b - a) / np.dot(b - a, b - a), 0, 1)
    return np.linalg.norm(point - a - share * (b - a))
