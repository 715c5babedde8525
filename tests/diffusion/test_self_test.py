"""Thick slabs tell what the spread of samples is worth, where the samples' own spread is known."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.calibration import FLOOR, TESTED
from napari_microdiffusion.diffusion.self_test import spread_test
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.optics.thick_slabs import thicken

STEP = 4


def thick_slabs(rng, bright=1.0):
    """A stack whose pixels are dim on the left and bright on the right, with known differences of halves."""
    level = np.where(np.arange(40) < 20, 0.05, bright)
    projections = (level * (1 + 0.1 * rng.standard_normal((8, 40, 40)))).astype(np.float32)
    thick = thicken(projections, ProjectionOperator(np.full(STEP, 1 / STEP)))
    assert thick is not None
    return thick


def volume_of(differences):
    """A volume whose thick slabs have these differences between their halves."""
    halves = np.stack([differences / 2, -differences / 2], 1)
    return np.repeat(halves, STEP, axis=1).reshape(-1, *differences.shape[1:])


@pytest.mark.parametrize("claimed", [0.5, 1.0, 3.0])
def test_the_factor_is_that_by_which_the_spread_is_wrong(claimed):
    rng = np.random.default_rng(0)
    thick = thick_slabs(rng)
    error = 0.1 * rng.standard_normal(thick.differences.shape)
    expected = thick.differences - error
    # Samples that lie to either side of the mean, by what they claim to be the error's size.
    samples = [volume_of(expected + sign * claimed * 0.1) for sign in (1, -1)]
    found = spread_test(thick, volume_of(expected), samples, noise=0.0)
    assert found.shape == (TESTED,)
    # None is as dark as the first band. Two samples count for less than many do.
    assert np.isnan(found[0])
    few = np.exp(found[1:]) * claimed
    np.testing.assert_allclose(few, few[0], rtol=0.1)
    assert 0.5 < few[0] < 1.1


def test_bands_of_brightness_are_told_apart_and_noise_is_no_error():
    rng = np.random.default_rng(1)
    thick = thick_slabs(rng)
    unit = rng.standard_normal(thick.differences.shape)
    error = np.where(thick.projections > 0.15, 0.2, 0.05) * unit
    expected = thick.differences - error
    samples = [volume_of(expected + sign * 0.05) for sign in (1, -1)]
    dim, bright = spread_test(thick, volume_of(expected), samples, noise=0.0)[1:]
    assert bright - dim == pytest.approx(np.log(4), abs=0.1)
    # With as much noise as there is error, nothing is left that samples would have to tell.
    with_noise = spread_test(thick, volume_of(expected), samples, noise=0.2 / np.sqrt(2))[2]
    assert with_noise < 0.1


def test_samples_without_spread_count_as_the_floor():
    rng = np.random.default_rng(2)
    thick = thick_slabs(rng)
    expected = thick.differences - FLOOR * rng.standard_normal(thick.differences.shape)
    found = spread_test(thick, volume_of(expected), [volume_of(expected)] * 2, noise=0.0)
    np.testing.assert_allclose(np.exp(found[1:]), 1, rtol=0.1)
