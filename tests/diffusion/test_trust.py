"""Trust is measured on slabs of twice the thickness, whose halves are known."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.trust import thicken, trust
from napari_microdiffusion.optics import ProjectionOperator


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
    thick = thicken(uniform(12).project(long), uniform(12))
    assert thick is not None
    assert thick.projections.shape == (3, 4, 4)
    assert len(thick.profile) == 12
    assert thick.profile.sum() == pytest.approx(1)


@pytest.mark.parametrize(("slabs", "n"), [(3, 4), (6, 9)])
def test_no_test_without_pairs_or_halves(slabs, n):
    assert thicken(np.ones((slabs, 8, 8), np.float32), uniform(n)) is None


@pytest.mark.parametrize(("overshoot", "expected"), [(1.0, 1.0), (2.0, 0.57), (4.0, 0.28), (-1.0, 0.0)])
def test_trust_undoes_an_overshoot_and_refuses_the_wrong_direction(volume, overshoot, expected):
    # Least squares alone would say 1/2 and 1/4; the presumption that the prior is right draws them up.
    thick = thicken(uniform(4).project(volume), uniform(4))
    assert thick is not None
    flat = np.repeat(thick.projections, 8, axis=0)
    mean = flat + overshoot * (volume[: len(flat)] - flat)
    assert trust(thick, flat, mean) == pytest.approx(expected, abs=0.03)


def test_without_evidence_the_prior_is_believed(volume):
    thick = thicken(uniform(4).project(volume), uniform(4))
    assert thick is not None
    flat = np.repeat(thick.projections, 8, axis=0)
    assert trust(thick, flat, flat) == pytest.approx(1.0)
