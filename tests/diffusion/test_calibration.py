"""A calibrated deviation covers what it claims, in every brightness, and survives its file."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.calibration import (
    HALF_WIDTH,
    LEVELS,
    SAMPLES,
    Calibration,
    Outcome,
    combined,
    sample_spread,
)

# What is told of a sample, here two numbers.
USUAL = np.array([0.3, -1.0])


def outcome(brightness, error, noise=0.0, statistics=USUAL):
    """Voxels for which the samples say a spread of 1, far above the floor."""
    deviation = combined(np.ones_like(brightness), noise)
    return Outcome(brightness, error, deviation, statistics)


def stacks(rng, count=12, overconfident=(3.0, 0.5)):
    """Errors whose spread is `overconfident` times the raw deviation, dark voxels and bright ones apart."""
    found = []
    for _ in range(count):
        brightness = rng.choice([0.005, 0.8], size=4000)
        factor = np.where(brightness < 0.1, *overconfident)
        found.append(outcome(brightness, np.abs(rng.standard_normal(4000)) * factor))
    return found


def test_nine_in_ten_lie_within_the_interval_dark_and_bright():
    calibration = Calibration.of(stacks(np.random.default_rng(1)))
    dark, bright = calibration.factors()[0], calibration.factors()[-1]
    assert dark == pytest.approx(3.0, rel=0.05)
    assert bright == pytest.approx(0.5, rel=0.05)
    fresh = stacks(np.random.default_rng(2), count=1)[0]
    deviation = calibration.apply(fresh.deviation, fresh.brightness)
    for level in (0.005, 0.8):
        at = fresh.brightness == level
        assert (fresh.error[at] <= HALF_WIDTH * deviation[at]).mean() == pytest.approx(0.9, abs=0.02)


def test_noise_that_was_estimated_too_strong_is_scaled_down():
    rng = np.random.default_rng(3)
    error = np.abs(rng.standard_normal(4000)) * 2.0
    found = Calibration.of([outcome(np.full(4000, 0.8), error, noise=5.0)]).factors()[-1]
    assert found == pytest.approx(2 / np.hypot(1, 5), rel=0.05)


def test_a_large_stack_counts_no_more_than_a_small_one():
    rng = np.random.default_rng(4)
    dark = np.full(1000, LEVELS[0])
    many = outcome(np.tile(dark, 20), np.abs(rng.standard_normal(20_000)) * 3)
    few = outcome(dark, np.abs(rng.standard_normal(1000)))
    # Between the two: pooled, the larger stack alone would decide, and the factor would be 3.
    assert Calibration.of([many, few]).factors()[0] < 2.7


def test_fewer_samples_make_wider_intervals():
    squares = np.ones((1, 4, 4))
    one, four, many = (float(sample_spread(squares, k).mean()) for k in (1, SAMPLES, 64))
    assert one > four > many
    assert four == pytest.approx(1.0)


def test_a_brightness_without_any_voxel_is_left_alone():
    found = [outcome(np.full(1000, 0.8), np.abs(np.random.default_rng(0).standard_normal(1000)))]
    assert Calibration.of(found).factors()[0] == 1.0


def test_noise_of_the_measurement_is_part_of_the_deviation():
    nothing = sample_spread(np.zeros((2, 4, 4)))
    assert combined(nothing, 0.1) == pytest.approx(np.full((2, 4, 4), 0.1), rel=1e-3)
    assert (combined(nothing, 0.0) > 0).all()


def difficult(rng, count):
    """Samples whose errors grow with the first of the numbers told of them."""
    found = []
    for _ in range(count):
        told = rng.normal(0, 1, 2)
        error = np.abs(rng.standard_normal(1500)) * np.exp(0.7 * told[0])
        found.append(outcome(np.full(1500, 0.8), error, statistics=told))
    return found


def test_difficult_samples_get_wider_intervals_so_that_each_is_covered():
    calibration = Calibration.of(difficult(np.random.default_rng(5), 60))
    for stack in difficult(np.random.default_rng(6), 12):
        deviation = calibration.apply(stack.deviation, stack.brightness, stack.statistics)
        covered = (stack.error <= HALF_WIDTH * deviation).mean()
        assert covered == pytest.approx(0.9, abs=0.06), stack.statistics


def test_statistics_that_tell_nothing_change_next_to_nothing():
    rng = np.random.default_rng(7)
    found = [
        outcome(
            np.full(800, 0.8),
            np.abs(rng.standard_normal(800)) * np.exp(0.3 * rng.normal()),
            0,
            rng.normal(size=2),
        )
        for _ in range(40)
    ]
    calibration = Calibration.of(found)
    usual = calibration.factors()[-1]
    for stack in found:
        assert calibration.factors(stack.statistics)[-1] == pytest.approx(usual, rel=0.25)


def test_no_sample_gets_a_factor_beyond_those_that_were_seen():
    found = difficult(np.random.default_rng(8), 40)
    calibration = Calibration.of(found)
    seen = [calibration.factors(stack.statistics)[-1] for stack in found]
    for told in ([50.0, 0.0], [-50.0, 0.0], [np.nan, np.nan]):
        assert min(seen) * 0.999 <= calibration.factors(np.array(told))[-1] <= max(seen) * 1.001


def test_it_comes_back_from_a_header_and_other_bins_are_not_trusted():
    calibration = Calibration.of(difficult(np.random.default_rng(9), 12))
    again = Calibration.from_header(calibration.header())
    assert again is not None
    told = np.array([0.4, -0.2])
    np.testing.assert_allclose(again.factors(told), calibration.factors(told), rtol=1e-4)
    assert Calibration.from_header(calibration.header() | {"levels": [1.0]}) is None
    assert Calibration.from_header({"levels": list(LEVELS), "factors": [1.0] * len(LEVELS)}) is None


def test_a_recentred_calibration_holds_on_other_stacks_and_depends_on_the_sample_as_before():
    rng = np.random.default_rng(7)

    def stack(wrong_by: float) -> Outcome:
        brightness = rng.uniform(0, 1, 6000)
        deviation = 0.02 + 0.1 * brightness
        error = np.abs(wrong_by * deviation * rng.standard_normal(brightness.shape))
        return Outcome(brightness, error, deviation, rng.standard_normal(3))

    slopes = np.full((len(LEVELS), 3), 0.1)
    before = Calibration(
        np.hstack([np.zeros((len(LEVELS), 1)), slopes]),
        np.stack([np.zeros(3), np.ones(3)]),
        np.tile([-2.0, 2.0], (len(LEVELS), 1)),
    )
    after = before.recentred([stack(2.0) for _ in range(12)])
    np.testing.assert_array_equal(after.logs[:, 1:], before.logs[:, 1:])
    fresh = stack(2.0)
    wide = after.apply(fresh.deviation, fresh.brightness, fresh.statistics)
    assert np.mean(fresh.error <= HALF_WIDTH * wide) == pytest.approx(0.9, abs=0.06)
    narrow = before.apply(fresh.deviation, fresh.brightness, fresh.statistics)
    assert np.mean(fresh.error <= HALF_WIDTH * narrow) < 0.75
