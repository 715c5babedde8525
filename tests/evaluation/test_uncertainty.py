import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.evaluation import coverage, crps, normal_intervals

SHAPE = (20, 50, 50)


@pytest.fixture
def mask():
    inside = np.zeros(SHAPE, bool)
    inside[:, :20] = True
    return inside


def test_honest_intervals_cover_what_they_claim(rng, mask):
    deviation = rng.uniform(0.5, 2, SHAPE)
    mean = rng.normal(0, 3, SHAPE)
    truth = mean + deviation * rng.normal(size=SHAPE)
    found = coverage(truth, normal_intervals(mean, deviation), mask)
    assert found == pytest.approx(
        {
            "coverage_50_foreground": 0.5,
            "coverage_50_background": 0.5,
            "coverage_90_foreground": 0.9,
            "coverage_90_background": 0.9,
        },
        abs=0.015,
    )


def test_foreground_and_background_are_told_apart(mask):
    lower, upper = np.zeros(SHAPE), np.where(mask, 1.0, 3.0)
    found = coverage(np.full(SHAPE, 2.0), {80: (lower, upper)}, mask)
    assert found == {"coverage_80_foreground": 0.0, "coverage_80_background": 1.0}


def test_a_certain_and_right_voxel_is_covered(mask):
    zero = np.zeros(SHAPE)
    assert coverage(zero, normal_intervals(zero, zero), mask)["coverage_50_foreground"] == 1


def test_coverage_of_no_voxel_is_undefined():
    zero = np.zeros(SHAPE)
    found = coverage(zero, normal_intervals(zero, zero), np.ones(SHAPE, bool))
    assert found["coverage_90_background"] is None


def test_coverage_needs_one_shape(mask):
    with pytest.raises(UserError, match="20×50×50 and 20×50×51"):
        coverage(np.zeros(SHAPE), {50: (np.zeros((20, 50, 51)), np.zeros(SHAPE))}, mask)


def test_crps_by_its_definition(rng):
    samples, truth = rng.normal(size=(5, 2, 3, 4)), rng.normal(size=(2, 3, 4))
    distance = np.abs(samples - truth).mean(0)
    pairs = np.abs(samples[:, None] - samples[None]).sum((0, 1)) / (2 * 5 * 4)
    assert crps(samples, truth) == pytest.approx((distance - pairs).mean())
    mask = rng.random((2, 3, 4)) < 0.5
    assert crps(samples, truth, mask) == pytest.approx((distance - pairs)[mask].mean())


def test_crps_of_few_samples_is_not_biased(rng):
    # For a standard normal truth and forecast the expected score is 1/sqrt(pi), however few the samples.
    truth = rng.normal(size=(20, 60, 60))
    for count in (2, 8):
        found = crps(rng.normal(size=(count, 20, 60, 60)), truth)
        assert found == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)


def test_crps_of_certain_samples_is_the_error():
    truth = np.zeros((2, 3, 3))
    assert crps(np.full((4, 2, 3, 3), 0.7), truth) == pytest.approx(0.7)


def test_crps_refuses_what_it_cannot_use():
    truth = np.zeros((2, 3, 3))
    with pytest.raises(UserError, match="at least 2 samples, not 1"):
        crps(truth[None], truth)
    with pytest.raises(UserError, match="2×3×3 and 2×3×4"):
        crps(np.zeros((2, 2, 3, 4)), truth)
    with pytest.raises(UserError, match="empty"):
        crps(np.zeros((2, 2, 3, 3)), truth, np.zeros((2, 3, 3), bool))
