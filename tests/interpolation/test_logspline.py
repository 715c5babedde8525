"""The log-spline agrees with the projections and bends no more than it must."""

import numpy as np
import pytest

from napari_microdiffusion.interpolation import histospline, logspline
from napari_microdiffusion.interpolation.logspline import CURVATURE, NOISE_FLOOR, OFFSET
from napari_microdiffusion.optics import Acquisition, BeamOperator, ProjectionOperator
from napari_microdiffusion.specimens import make_specimen


def objective(volume: np.ndarray, projections: np.ndarray, operator: ProjectionOperator) -> float:
    """What the log-spline minimises, at the noise floor."""
    misfit = operator.project(volume.astype(float)) - projections
    bend = np.diff(np.log(np.maximum(volume, 0) + OFFSET), 2, axis=0)
    return float((misfit**2).sum() / NOISE_FLOOR**2 + CURVATURE * (bend**2).sum())


@pytest.fixture(scope="module")
def specimen() -> np.ndarray:
    return make_specimen("vasculature", (48, 24, 24), 5)


def bessel(n: int) -> ProjectionOperator:
    weights = np.exp(-(((np.arange(n) - (n - 1) / 2) / n * 2) ** 2))
    return ProjectionOperator(weights / weights.sum())


@pytest.mark.parametrize("operator", [ProjectionOperator(np.full(4, 0.25)), bessel(6)])
def test_it_agrees_within_the_noise_and_lowers_its_objective(specimen, operator):
    projections = operator.project(specimen)
    volume = logspline(projections, operator)
    assert volume.shape == specimen.shape
    assert volume.min() >= -OFFSET
    misfit = operator.project(volume) - projections
    assert np.sqrt((misfit**2).mean()) < 2 * NOISE_FLOOR
    start = histospline(projections, operator.step_length)
    assert objective(volume, projections, operator) < 0.8 * objective(start, projections, operator)


def test_more_steps_change_nothing_once_it_has_converged(specimen):
    operator = ProjectionOperator(np.full(6, 1 / 6))
    projections = operator.project(specimen)
    np.testing.assert_allclose(
        logspline(projections, operator, iterations=8),
        logspline(projections, operator, iterations=16),
        atol=1e-3,
    )


def test_a_constant_stays_constant():
    operator = ProjectionOperator(np.full(5, 0.2))
    volume = logspline(np.full((4, 3, 3), 0.4, np.float32), operator)
    np.testing.assert_allclose(volume, 0.4, atol=1e-3)


def test_an_exponential_decay_is_its_own_answer():
    # Its logarithm does not bend at all, so nothing agrees with its projections and bends less.
    z = np.arange(36)
    truth = (np.exp(-z / 15) - OFFSET).astype(np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    operator = ProjectionOperator(np.full(6, 1 / 6))
    volume = logspline(operator.project(truth), operator)
    np.testing.assert_allclose(volume, truth, atol=5e-3)


def test_pieces_do_not_show():
    # More slabs than are solved together: the seam must be no worse than anywhere else.
    truth = make_specimen("neurons", (15 * 4, 16, 16), 2)
    operator = ProjectionOperator(np.full(4, 0.25))
    projections = operator.project(truth)
    whole, shifted = logspline(projections, operator), logspline(projections[3:], operator)
    difference = np.abs(whole[5 * 4 :] - shifted[2 * 4 :])
    assert difference.max() < 0.1
    assert np.sqrt((difference**2).mean()) < 2e-3


def test_a_stack_of_two_works():
    operator = ProjectionOperator(np.full(3, 1 / 3))
    assert np.isfinite(logspline(np.random.default_rng(0).random((2, 5, 7)), operator)).all()


@pytest.mark.parametrize("beam", [{"beam": "bessel"}, {"width": 12}, {"step_length": 3, "width": 6}])
def test_overlapping_beams_are_followed_within_the_noise(specimen, beam):
    acquisition = Acquisition(**{"step_length": 6, **beam})
    operator = BeamOperator(
        acquisition.beams, acquisition.step_length, (48 // acquisition.step_length, 24, 24)
    )
    projections = operator.project(operator.extend(specimen))
    volume = logspline(projections, operator)
    assert volume.shape == operator.extended_shape
    misfit = operator.project(volume) - projections
    assert np.sqrt((misfit**2).mean()) < 2 * NOISE_FLOOR
    uniform = logspline(
        projections, ProjectionOperator(np.full(acquisition.step_length, 1 / acquisition.step_length))
    )
    inside = slice(12, -12)
    assert (
        np.square(operator.crop(volume) - specimen)[inside].mean()
        < np.square(uniform - specimen)[inside].mean()
    )


def test_a_bent_beam_is_not_for_pixel_columns(specimen):
    operator = BeamOperator(Acquisition(step_length=6, tilt=1).beams, 6, (8, 24, 24))
    with pytest.raises(ValueError, match="straight"):
        logspline(np.zeros((8, 24, 24)), operator)
