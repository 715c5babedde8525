"""The deviation of a slab: spread, noise taken over from the measurement, and the prior's calibration."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.calibration import FLOOR, LEVELS, SAMPLES, Calibration
from napari_microdiffusion.optics import Acquisition, IntensityScale
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.reconstruction.slab.uncertainty import (
    MOST_LIGHT,
    OPEN_SHARE,
    TRUSTED_ERROR,
    UNTESTED_SHARE,
    open_share,
    slab_deviation,
    unseen_of_slab_means,
)
from napari_microdiffusion.settings.method import ReconstructionConfig

STEP = 4


@pytest.fixture
def projections():
    smooth = np.linspace(10, 210, 12 * 12, dtype=np.float32).reshape(12, 12)
    return np.stack([smooth, smooth + 5, smooth])


def deviation_of(
    projections, slab, squares, consistency="nonnegative", calibration=None, share=0.0, **acquisition
):
    """The deviation in a slab whose posterior mean is as bright as its projection."""
    acquisition = Acquisition(step_length=STEP, **acquisition)
    facts = StackFacts(projections, acquisition, ReconstructionConfig(consistency=consistency))
    mean = np.repeat(projections[slab][None], STEP, axis=0)
    return slab_deviation(facts, mean, slab, squares, SAMPLES, calibration, np.ones(1), share)


def floor_of(projections):
    return FLOOR * IntensityScale.of(projections).span


def test_without_noise_or_calibration_it_is_the_spread_above_a_floor(projections):
    found = deviation_of(projections, 0, np.full((STEP, 12, 12), 9.0), read_noise=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.hypot(3.0, floor_of(projections)), rtol=1e-5)


def test_exact_consistency_takes_the_noise_over_and_that_within_the_noise_does_not(projections):
    squares = np.zeros((STEP, 12, 12))
    exact = deviation_of(projections, 1, squares, read_noise=7.0)
    damped = deviation_of(projections, 1, squares, "noise", read_noise=7.0)
    floor = floor_of(projections)
    np.testing.assert_allclose(exact, np.hypot(7.0, floor), rtol=1e-3)
    # Within the noise the range is that of the denoised projections.
    np.testing.assert_allclose(damped, floor, rtol=0.03)


def test_a_calibration_multiplies_by_brightness(projections):
    squares = np.full((STEP, 12, 12), 9.0)
    plain = deviation_of(projections, 0, squares)
    logs = np.log(np.linspace(1, 3, len(LEVELS)))[:, None]
    calibration = Calibration(np.hstack([logs, logs * 0]), np.ones((2, 1)), np.hstack([logs, logs]))
    rising = deviation_of(projections, 0, squares, calibration=calibration)
    factor = rising / plain
    assert factor.min() >= 0.99
    assert factor.max() <= 3.01
    dark, bright = factor[0, 0, 0], factor[0, -1, -1]
    assert bright > dark + 1


def test_without_a_stated_noise_what_is_taken_over_grows_with_the_light():
    """Photon noise as the projections show it: little in the dark, more where it is bright."""
    rng = np.random.default_rng(0)
    light = np.repeat(np.linspace(20, 1000, 96, dtype=np.float32)[None, :], 96, 0)
    noisy = np.stack([rng.poisson(light) for _ in range(4)]).astype(np.float32)
    found = deviation_of(noisy, 1, np.zeros((STEP, 96, 96)))[0].mean(0)
    assert found[-8:].mean() == pytest.approx(950**0.5, rel=0.25)
    assert found[:12].mean() < 0.5 * found[-8:].mean()


def test_what_the_self_test_leaves_open_widens_by_a_share_of_the_slabs_light(projections):
    squares = np.full((STEP, 12, 12), 9.0)
    plain = deviation_of(projections, 0, squares)
    wide = deviation_of(projections, 0, squares, share=0.5)
    scale = IntensityScale.of(projections)
    light = np.minimum(STEP * np.maximum(projections[0] - scale.background, 0), MOST_LIGHT * scale.span)
    assert (light < MOST_LIGHT * scale.span).any()
    np.testing.assert_allclose(wide, np.hypot(plain, 0.5 * np.repeat(light[None], STEP, 0)), rtol=1e-4)


def test_the_open_share_grows_with_the_error_of_the_self_test():
    trusted, missed = TRUSTED_ERROR
    shares = [open_share(error) for error in (0.0, trusted, (trusted * missed) ** 0.5, missed, 10.0)]
    assert shares == pytest.approx([0, 0, OPEN_SHARE / 2, OPEN_SHARE, OPEN_SHARE])
    assert open_share(0.0, is_out_of_distribution=True) == OPEN_SHARE
    assert open_share(None) == UNTESTED_SHARE


def test_slab_means_are_as_uncertain_as_the_noise_leaves_them():
    """Samples that agree do not make what was measured with noise certain; those that differ are believed."""
    rng = np.random.default_rng(1)
    stack = (50 + 100 * (rng.uniform(size=(4, 32, 32)) > 0.7)).astype(np.float32)
    stack += 20 * rng.standard_normal(stack.shape).astype(np.float32)
    acquisition = Acquisition(step_length=STEP, read_noise=20.0)
    facts = StackFacts(stack, acquisition, ReconstructionConfig(consistency="noise"))
    agreed = unseen_of_slab_means(facts, 1, np.zeros((32, 32)), SAMPLES)
    assert 5 < np.sqrt(agreed.mean()) < 20
    assert not unseen_of_slab_means(facts, 1, np.full((32, 32), 1e4), SAMPLES).any()
    exact = StackFacts(stack, acquisition, ReconstructionConfig(consistency="exact"))
    assert unseen_of_slab_means(exact, 1, np.zeros((32, 32)), SAMPLES) == 0
