"""Thick slabs are what a deeper beam would have seen, and their halves are what was measured."""

import numpy as np
import pytest

from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.optics.operators.thick_slabs import thicken


def uniform(n: int) -> ProjectionOperator:
    return ProjectionOperator(np.full(n, 1 / n))


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).random((6 * 4, 8, 8)).astype(np.float32)


def test_thick_slabs_are_what_a_deeper_beam_would_have_seen(volume):
    skewed = ProjectionOperator(np.array([0.4, 0.3, 0.2, 0.1]))
    thick = thicken(skewed.project(volume), skewed)
    assert thick is not None
    np.testing.assert_allclose(
        thick.projections, ProjectionOperator(thick.profile).project(volume), rtol=1e-5
    )


def test_long_steps_are_tested_at_half_the_resolution(volume):
    long = np.repeat(volume, 3, axis=0)
    thick = thicken(uniform(12).project(long), uniform(12), 16)
    assert thick is not None
    assert thick.projections.shape == (3, 4, 4)
    assert len(thick.profile) == 12
    assert thick.profile.sum() == pytest.approx(1)


@pytest.mark.parametrize(("slabs", "n"), [(3, 4), (6, 9)])
def test_no_test_without_pairs_or_halves(slabs, n):
    assert thicken(np.ones((slabs, 8, 8), np.float32), uniform(n), 16) is None


def test_without_a_longest_step_pixels_stay(volume):
    thick = thicken(uniform(12).project(np.repeat(volume, 3, axis=0)), uniform(12))
    assert thick is not None
    assert thick.projections.shape == (3, 8, 8)
    assert len(thick.profile) == 24


def test_the_differences_of_the_truth_are_the_measured_ones(volume):
    skewed = ProjectionOperator(np.array([0.4, 0.3, 0.2, 0.1]))
    thick = thicken(skewed.project(volume), skewed)
    assert thick is not None
    np.testing.assert_allclose(thick.differences_of(volume), thick.differences, atol=1e-6)
