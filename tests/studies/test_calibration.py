"""Calibrating runs the users' engine on specimens nobody has seen, the same ones for the same seed."""

import numpy as np

from napari_microdiffusion.diffusion.calibration import LEVELS, Calibration
from napari_microdiffusion.diffusion.slab import STATISTICS
from napari_microdiffusion.studies.calibration import fresh_stacks, outcomes


def test_the_same_seed_gives_the_same_stacks_and_another_does_not():
    (truth, projections, n), (again, _, _), (other, _, _) = (
        next(fresh_stacks(seed, 1)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(truth, again)
    assert truth.shape == (len(projections) * n, *projections.shape[1:])
    assert other.shape != truth.shape or (other != truth).any()


def test_outcomes_tell_errors_deviations_and_the_stack():
    """On fresh specimens, which the weights were not fitted to, the deviation is of the size of the error."""
    found = list(outcomes("general", stacks=1, seed=5))
    assert len(found) == 1
    outcome = found[0]
    assert outcome.brightness.shape == outcome.error.shape == outcome.deviation.shape
    assert outcome.statistics.shape == (STATISTICS,)
    assert (outcome.deviation > 0).all()
    assert 0.2 < np.exp(np.quantile(outcome.log_ratios(), 0.9)) < 5
    calibration = Calibration.of(found)
    assert calibration.factors(outcome.statistics).shape == (len(LEVELS),)
