"""What a step length means for the slices."""

import pytest

from napari_microdiffusion.settings.slice_thickness import describe_slices, step_length_for


def test_the_step_length_for_a_wished_slice():
    assert step_length_for(6, 1) == 6
    assert step_length_for(50, 4.2) == 12
    assert (step_length_for(50, 0.5), step_length_for(1, 3)) == (64, 2)


@pytest.mark.parametrize(("slab", "pixel", "n"), [(6, 1, 6), (6, 1, 8), (2, 0.5, 4)])
def test_nothing_is_said_of_slices_like_the_pixels(slab, pixel, n):
    assert describe_slices(slab, pixel, n) == ""


def test_a_deep_slab_of_small_pixels_is_not_n_6():
    text = describe_slices(50, 0.5, 6, beam=60)
    assert "Slices of 8.3 µm are 17 times as thick as a pixel is wide (0.5 µm)." in text
    assert "n = 64 makes them 0.78 µm" in text
    assert "up to n = 16, slices of 3.1 µm" in text
    assert "The beam is 60 µm deep, 1.2 slabs" in text


def test_slices_far_thinner_than_pixels_are_told():
    assert "10 times thinner than a pixel is wide (5 µm). n = 2 makes them 1.5 µm." in describe_slices(
        3, 5, 6
    )
