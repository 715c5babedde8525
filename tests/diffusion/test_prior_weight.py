"""The weight of the prior is measured on slabs of twice the thickness, whose halves are known."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.prior_weight import prior_weight, self_test_error
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


def test_the_self_test_tells_how_much_of_the_light_was_put_into_the_wrong_half(volume):
    thick = thicken(uniform(4).project(volume), uniform(4))
    assert thick is not None
    assert self_test_error(thick, volume) == pytest.approx(0, abs=1e-6)
    # All light in the last slice, foretold in the first.
    first, last = (np.zeros((2, 8, 4, 4), np.float32) for _ in range(2))
    first[:, 0], last[:, -1] = 8, 8
    ends = thicken(uniform(4).project(last.reshape(16, 4, 4)), uniform(4))
    assert ends is not None
    assert self_test_error(ends, first.reshape(16, 4, 4)) == pytest.approx(4)
    assert self_test_error(thicken(np.zeros((4, 4, 4)), uniform(4)), np.zeros((16, 4, 4))) is None
