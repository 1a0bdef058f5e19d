"""Large frames shrink to the mean colours of areas."""

import cv2
import numpy as np
import pytest

from worldmodel.envs.area import shrink


def exact(frame, size):
    """Means over areas, by a product of matrices of what part of each pixel lies in each area."""

    def parts(extent):
        edges = np.arange(size + 1) * extent / size
        pixels = np.arange(extent)
        low = np.maximum(edges[:-1, None], pixels)
        high = np.minimum(edges[1:, None], pixels + 1)
        return np.maximum(high - low, 0) * size / extent

    rows, cols = parts(frame.shape[0]), parts(frame.shape[1])
    return np.einsum("ih,jw,hwc->ijc", rows, cols, frame.astype(float), optimize=True)


@pytest.mark.parametrize("shape", [(400, 600, 3), (500, 500, 3), (171, 399, 3), (500, 500, 1)])
@pytest.mark.parametrize("size", [64, 37])
def test_every_pixel_is_the_mean_of_its_area(shape, size):
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    small = shrink(frame, size)
    assert small.shape == (size, size, shape[2])
    assert small.dtype == np.uint8
    assert np.abs(small - exact(frame, size)).max() <= 0.5 + 1e-6
    usual = cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA).reshape(small.shape)
    assert np.abs(small.astype(int) - usual).max() <= 1
    assert (small == usual).mean() > 0.999


def test_a_white_frame_stays_white():
    assert (shrink(np.full((1000, 1200, 3), 255, np.uint8), 64) == 255).all()


def test_a_cut_of_a_larger_frame_shrinks_as_a_copy_of_it_does():
    frame = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    cut = frame[160:330, 100:500]
    assert np.array_equal(shrink(cut, 64), shrink(cut.copy(), 64))


@pytest.mark.parametrize("shape", [(96, 96, 3), (64, 64, 3), (32, 32, 3), (40, 3000, 3)])
def test_frames_that_are_small_or_flat_shrink_or_grow_as_before(shape):
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    usual = cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(shrink(frame, 64), usual)
