"""Calibrating runs the users' engine on specimens nobody has seen, the same ones for the same seed."""

import numpy as np

from napari_microdiffusion.diffusion.calibration import LEVELS
from napari_microdiffusion.studies.calibration import calibrate, fresh_stacks


def test_the_same_seed_gives_the_same_stacks_and_another_does_not():
    (truth, projections, n), (again, _, _), (other, _, _) = (
        next(fresh_stacks(seed, 1)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(truth, again)
    assert truth.shape == (len(projections) * n, *projections.shape[1:])
    assert other.shape != truth.shape or (other != truth).any()


def test_a_stack_gives_a_factor_for_every_brightness():
    reports = list(calibrate("general", stacks=1, seed=5))
    count, calibration = reports[-1]
    assert count == 1
    assert calibration.factors().shape == (len(LEVELS),)
    assert (calibration.factors() > 0).all()
