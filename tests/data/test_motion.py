"""Pixels that move: where something is and where it was, in episodes as they are stored."""

import numpy as np
import pytest
import torch

from worldmodel.data.frames import FrameData, FramesConfig
from worldmodel.data.motion import find_motion, unpack


def walk(steps, height=6, width=7):
    """A bright pixel that goes right along the second row, over a landscape of its own."""
    frames = np.random.default_rng(steps).integers(0, 30, (1, height, width, 3)).astype(np.uint8)
    frames = frames.repeat(steps, 0)
    for at, frame in enumerate(frames):
        frame[1, at] = 200
    return frames


def test_what_moves_is_where_it_is_and_where_it_was():
    moves = unpack(find_motion(walk(4), 0.15), 6, 7)
    expected = np.zeros((4, 6, 7), bool)
    for at, columns in enumerate([(0, 1), (0, 1, 2), (1, 2, 3), (2, 3)]):
        expected[at, 1, list(columns)] = True
    np.testing.assert_array_equal(moves, expected)


def test_a_frame_alone_does_not_move():
    assert not find_motion(walk(1), 0.15).any()


@pytest.mark.parametrize(("change", "moves"), [(38, False), (39, True)])
def test_the_threshold_is_of_the_whole_range(change, moves):
    frames = np.full((2, 8, 8, 3), 100, np.uint8)
    frames[1, 2, 3, 1] -= change
    assert find_motion(frames, 0.15).any() == moves


@pytest.mark.parametrize("buffer_frames", [50, 10_000])
def test_batches_say_what_moves_in_their_frames(store, buffer_frames):
    """Only where the counter in the green channel begins anew does anything change by much."""
    data = FrameData(store, FramesConfig(16, buffer_frames, 0.2, 400, None), 0, 0.5)
    batches, moving = data.batches(0), 0
    for batch in (*(next(batches) for _ in range(60)), *data.holdout(), data.sample()):
        green, blue = batch["frames"][:, 0, 0, 1:].int().T
        turns = torch.isin(256 * blue + green, torch.tensor([255, 256]))
        assert torch.equal(batch["moves"].all((1, 2)), turns)
        assert torch.equal(batch["moves"].any((1, 2)), turns)
        moving += int(turns.sum())
    assert moving >= 4
