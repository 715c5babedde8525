"""The map between grey levels and unit intensities."""

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.optics import IntensityScale


def test_projections_come_to_span_about_zero_to_one(rng):
    grey = rng.normal(2000, 300, size=(5, 40, 40)).astype(np.float32)
    unit = IntensityScale.of(grey).to_unit(grey)
    assert np.percentile(unit, 0.5) == pytest.approx(0, abs=1e-5)
    assert np.percentile(unit, 99.9) == pytest.approx(1, abs=1e-5)
    assert unit.dtype == np.float32


def test_there_and_back(rng):
    grey = rng.integers(100, 60000, size=(3, 20, 20)).astype(np.uint16)
    scale = IntensityScale.of(grey)
    back = scale.to_grey(scale.to_unit(grey))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, grey, atol=60000 * 1e-6)


def test_one_bright_pixel_still_makes_a_range():
    grey = np.zeros((2, 100, 100), np.float32)
    grey[0, 3, 3] = 5
    assert IntensityScale.of(grey) == IntensityScale(0, 5)


def test_large_stacks_are_sampled():
    grey = np.tile(np.arange(1000, dtype=np.float32), (3, 3000, 1))
    scale = IntensityScale.of(grey)
    assert scale.background == pytest.approx(4.995, abs=1)
    assert scale.span == pytest.approx(993.5, abs=3)


def test_constant_projections_are_refused():
    with pytest.raises(UserError, match="constant"):
        IntensityScale.of(np.full((2, 8, 8), 7.0))


def test_a_priors_scale_reaches_the_brightest_pixels_and_is_never_narrower():
    projections = np.random.default_rng(0).uniform(10, 20, (8, 64, 64)).astype(np.float32)
    narrow = IntensityScale.of(projections)
    assert narrow.widened(projections) == narrow
    projections[:, :2, :2] = 60
    narrow = IntensityScale.of(projections)
    wide = narrow.widened(projections)
    assert wide.background == narrow.background
    assert wide.to_unit(projections).max() == pytest.approx(1.1, rel=0.01)
    np.testing.assert_allclose(wide.to_grey(wide.to_unit(projections)), projections, rtol=1e-5)


@pytest.mark.parametrize("side", [2, 12, 64])
def test_hot_pixels_do_not_widen_it(side):
    projections = np.random.default_rng(0).uniform(10, 20, (8, side, side)).astype(np.float32)
    narrow = IntensityScale.of(projections)
    projections[3:6, 1, 1] = 4000
    assert narrow.widened(projections).span < 1.1 * narrow.span


def test_a_stack_of_few_pixels_keeps_its_scale():
    projections = np.array([[[1.0, 2.0]], [[3.0, 9.0]]], np.float32)
    narrow = IntensityScale.of(projections)
    assert narrow.widened(projections) == narrow
