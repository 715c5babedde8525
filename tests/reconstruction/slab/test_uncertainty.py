"""The deviation of a slab: spread, noise taken over from the measurement, and the prior's calibration."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.calibration import FLOOR, LEVELS, SAMPLES, Calibration
from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.reconstruction.run import Run
from napari_microdiffusion.reconstruction.slab.uncertainty import slab_deviation
from napari_microdiffusion.settings.method import ReconstructionConfig

STEP = 4


@pytest.fixture
def projections():
    smooth = np.linspace(10, 210, 12 * 12, dtype=np.float32).reshape(12, 12)
    return np.stack([smooth, smooth + 5, smooth])


def run_on(projections, consistency="nonnegative", **acquisition):
    config = ReconstructionConfig(consistency=consistency)
    run = Run(projections, Acquisition(step_length=STEP, **acquisition), config, CancelToken())
    run.volume = np.repeat(projections, STEP, axis=0)
    return run


def test_without_noise_or_calibration_it_is_the_spread_above_a_floor(projections):
    run = run_on(projections)
    run.variance = np.zeros_like(projections)
    found = slab_deviation(run, 0, np.full((STEP, 12, 12), 9.0), SAMPLES, None)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.hypot(3.0, FLOOR * run.scale.span), rtol=1e-5)


def test_agreeing_exactly_takes_the_noise_over_and_damped_agreement_does_not(projections):
    squares = np.zeros((STEP, 12, 12))
    stated = {"read_noise": 7.0}
    exact = slab_deviation(run_on(projections, **stated), 1, squares, SAMPLES, None)
    damped = slab_deviation(run_on(projections, "noise", **stated), 1, squares, SAMPLES, None)
    floor = FLOOR * run_on(projections).scale.span
    np.testing.assert_allclose(exact, np.hypot(7.0, floor), rtol=1e-4)
    np.testing.assert_allclose(damped, floor, rtol=1e-4)


def test_a_calibration_multiplies_by_brightness(projections):
    run = run_on(projections)
    squares = np.full((STEP, 12, 12), 9.0)
    plain = slab_deviation(run, 0, squares, SAMPLES, None)
    logs = np.log(np.linspace(1, 3, len(LEVELS)))[:, None]
    calibration = Calibration(np.hstack([logs, logs * 0]), np.ones((2, 1)), np.hstack([logs, logs]))
    rising = slab_deviation(run, 0, squares, SAMPLES, calibration, np.ones(1))
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
    found = slab_deviation(run_on(noisy), 1, np.zeros((STEP, 96, 96)), SAMPLES, None)[0].mean(0)
    assert found[-8:].mean() == pytest.approx(950**0.5, rel=0.25)
    assert found[:12].mean() < 0.5 * found[-8:].mean()
