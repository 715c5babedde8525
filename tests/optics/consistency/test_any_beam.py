"""Agreement through any beam: the nearest volume, above the floor, and left when asked to."""

import numpy as np
import pytest
from scipy.optimize import minimize

from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.optics import (
    Acquisition,
    BeamOperator,
    ProjectionOperator,
    make_consistent,
    make_consistent_through,
)

STRAIGHT = [{"beam": "bessel"}, {"width": 7}]
BENT = [{"bend": 0.3, "apex": -2}, {"tilt": 0.6, "views": 2}]


def case(beam: dict, shape=(4, 6, 6), n=4, seed=0):
    acquisition = Acquisition(step_length=n, **beam)
    operator = BeamOperator(acquisition.beams, n, shape)
    rng = np.random.default_rng(seed)
    truth = np.maximum(rng.normal(0.2, 0.5, operator.extended_shape), 0).astype(np.float32)
    estimate = np.maximum(truth + rng.normal(0, 0.2, truth.shape), 0.01).astype(np.float32)
    return operator, operator.project(truth.astype(float)), estimate


@pytest.mark.parametrize("beam", STRAIGHT + BENT)
def test_it_reprojects_and_a_second_time_changes_nothing(beam):
    operator, measured, estimate = case(beam)
    agreed = make_consistent_through(estimate, measured, operator)
    np.testing.assert_allclose(operator.project(agreed.astype(float)), measured, atol=2e-5)
    np.testing.assert_allclose(make_consistent_through(agreed, measured, operator), agreed, atol=1e-4)


@pytest.mark.parametrize("beam", STRAIGHT + BENT)
def test_what_it_adds_is_seen_by_the_beam_alone(beam):
    # The correction is A^T theta, so it is orthogonal to the null space: projecting both ways gives it back.
    operator, measured, estimate = case(beam)
    change = make_consistent_through(estimate, measured, operator).astype(float) - estimate
    unseen = np.random.default_rng(1).normal(size=change.shape)
    unseen = make_consistent_through(unseen, np.zeros_like(measured), operator, tolerance=1e-8).astype(float)
    assert abs(np.vdot(change, unseen)) < 1e-3 * np.linalg.norm(change) * np.linalg.norm(unseen)


@pytest.mark.parametrize("beam", STRAIGHT)
def test_above_a_floor_it_is_the_nearest_such_volume(beam):
    operator, measured, estimate = case(beam, shape=(3, 1, 1))
    agreed = make_consistent_through(estimate, measured, operator, floor=0.0, damping=1e-3, tolerance=1e-7)
    assert agreed.min() >= 0

    def distance(flat: np.ndarray) -> float:
        v = flat.reshape(estimate.shape)
        misfit = operator.project(v) - measured
        return float(((v - estimate) ** 2).sum() + (misfit**2).sum() / 1e-3)

    best = minimize(distance, estimate.ravel(), bounds=[(0, None)] * estimate.size, options={"maxfun": 10**6})
    assert distance(agreed.astype(float).ravel()) <= best.fun + 1e-5


@pytest.mark.parametrize("beam", STRAIGHT + BENT)
def test_above_a_floor_it_still_reprojects(beam):
    operator, measured, estimate = case(beam, shape=(4, 12, 12))
    agreed = make_consistent_through(estimate, measured, operator, floor=0.0, tolerance=1e-6)
    assert agreed.min() >= 0
    misfit = np.abs(operator.project(agreed.astype(float)) - measured)
    # Bent beams end where their iterations do.
    assert misfit.max() < (1e-5 if operator.is_straight else 5e-3)
    assert np.sqrt((misfit**2).mean()) < (1e-5 if operator.is_straight else 3e-4)


def test_disjoint_slabs_are_a_special_case(rng):
    volume, projections = rng.random((12, 5, 5)), rng.random((3, 5, 5))
    operator = BeamOperator(Acquisition(step_length=4).beams, 4, (3, 5, 5))
    plain = ProjectionOperator(np.full(4, 0.25))
    for mode, floor in (("exact", None), ("nonnegative", 0.0)):
        expected = make_consistent(volume, projections, plain, mode)
        np.testing.assert_allclose(
            make_consistent_through(volume, projections, operator, floor=floor), expected, atol=1e-5
        )


@pytest.mark.parametrize("beam", STRAIGHT + BENT)
def test_damping_leaves_a_misfit_that_grows_with_it(beam):
    operator, measured, estimate = case(beam)
    misfits = []
    for damping in (0.0, 0.03, 0.3, 3.0):
        agreed = make_consistent_through(estimate, measured, operator, damping=damping).astype(float)
        misfits.append(np.abs(operator.project(agreed) - measured).mean())
        # theta = (X - A v) / damping, which is what damping means.
        if damping > 0:
            theta = (measured - operator.project(agreed)) / damping
            np.testing.assert_allclose(agreed - estimate, operator.adjoint(theta), atol=1e-3)
    assert misfits == sorted(misfits)


@pytest.mark.parametrize("beam", STRAIGHT + BENT)
def test_it_can_be_left(beam):
    operator, measured, estimate = case(beam)

    def leave() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        make_consistent_through(estimate, measured, operator, check=leave)
