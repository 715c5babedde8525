"""The weight of the prior is measured on slabs of twice the thickness, whose halves are known."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.prior_weight import prior_weight
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.optics.operators.thick_slabs import thicken


def uniform(n: int) -> ProjectionOperator:
    return ProjectionOperator(np.full(n, 1 / n))


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).random((6 * 4, 8, 8)).astype(np.float32)


@pytest.mark.parametrize(("overshoot", "expected"), [(1.0, 1.0), (2.0, 0.57), (4.0, 0.28), (-1.0, 0.0)])
def test_trust_undoes_an_overshoot_and_refuses_the_wrong_direction(volume, overshoot, expected):
    # Least squares alone would say 1/2 and 1/4; the presumption that the prior is right draws them up.
    thick = thicken(uniform(4).project(volume), uniform(4))
    assert thick is not None
    flat = np.repeat(thick.projections, 8, axis=0)
    mean = flat + overshoot * (volume[: len(flat)] - flat)
    assert prior_weight(thick, flat, mean) == pytest.approx(expected, abs=0.03)


def test_without_evidence_the_prior_is_believed(volume):
    thick = thicken(uniform(4).project(volume), uniform(4))
    assert thick is not None
    flat = np.repeat(thick.projections, 8, axis=0)
    assert prior_weight(thick, flat, flat) == pytest.approx(1.0)
