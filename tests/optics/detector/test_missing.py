"""Pixels without a value: how they are filled, and where a stack has none."""

import numpy as np
import pytest

from napari_microdiffusion.optics.detector.missing import fill_missing, whole_rectangle

STACK = np.random.default_rng(1).uniform(1, 2, (4, 9, 11)).astype(np.float32)


def test_a_missing_pixel_gets_the_value_of_the_nearest_one():
    gaps = np.zeros(STACK.shape, bool)
    gaps[1, :, :3] = True
    gaps[2, 4, 5] = True
    filled = fill_missing(np.where(gaps, np.nan, STACK), gaps)
    np.testing.assert_array_equal(filled[~gaps], STACK[~gaps])
    np.testing.assert_array_equal(filled[1, :, :3], STACK[1, :, 3:4].repeat(3, axis=1))
    assert filled[2, 4, 5] in STACK[2, 3:6, 4:7]


def test_a_lost_image_is_that_of_the_nearest_slab():
    gaps = np.zeros(STACK.shape, bool)
    gaps[2:] = True
    filled = fill_missing(np.where(gaps, np.nan, STACK), gaps)
    np.testing.assert_array_equal(filled[2], STACK[1])
    np.testing.assert_array_equal(filled[3], STACK[1])


@pytest.mark.parametrize(
    ("rows", "columns"),
    [((0, 9), (0, 11)), ((2, 9), (0, 11)), ((0, 7), (3, 10)), ((1, 8), (2, 11))],
)
def test_borders_of_registration_leave_a_rectangle(rows, columns):
    # Each image has lost another part of the border.
    gaps = np.zeros((4, 9, 11), bool)
    gaps[0, : rows[0]] = True
    gaps[1, rows[1] :] = True
    gaps[2, :, : columns[0]] = True
    gaps[3, :, columns[1] :] = True
    assert whole_rectangle(gaps) == (slice(*rows), slice(*columns))


def test_few_gaps_within_leave_the_whole_image():
    gaps = np.zeros((4, 40, 40), bool)
    gaps[1, 20, 20] = gaps[2, 5, 30] = gaps[2, 30, 8] = gaps[0, 10, 10] = gaps[0, 33, 33] = True
    assert whole_rectangle(gaps) in [(slice(0, 40), slice(0, 40)), (slice(0, 20), slice(0, 40))] or (
        not gaps[:, whole_rectangle(gaps)[0], whole_rectangle(gaps)[1]].any()
    )


def test_a_lost_image_is_no_gap_of_the_others():
    gaps = np.zeros((4, 9, 11), bool)
    gaps[1] = True
    assert whole_rectangle(gaps) == (slice(0, 9), slice(0, 11))
