"""The log-spline through bent beams and two views."""

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.interpolation import bent_logspline_parts, first_estimate, logspline
from napari_microdiffusion.optics import Acquisition, BeamOperator, ProjectionOperator
from napari_microdiffusion.specimens import make_specimen


def bent(projections: np.ndarray, operator: BeamOperator) -> np.ndarray:
    volume = np.full(operator.extended_shape, np.nan, np.float32)
    for part, values in bent_logspline_parts(projections, operator):
        volume[part] = values
    return volume


@pytest.fixture(scope="module")
def specimen() -> np.ndarray:
    return make_specimen("dendrites", (48, 32, 32), 2)


@pytest.mark.parametrize("slabs", [3, 20])
def test_a_constant_stays_constant_to_the_edges(slabs):
    acquisition = Acquisition(step_length=4, beam="airy", bend=0.2, apex=-2, views=2)
    operator = BeamOperator(acquisition.beams, 4, (slabs, 8, 9))
    volume = bent(np.full((2 * slabs, 8, 9), 0.4, np.float32), operator)
    np.testing.assert_allclose(operator.crop(volume), 0.4, atol=4e-3)


def test_it_agrees_within_the_noise_floor(specimen):
    acquisition = Acquisition(step_length=6, tilt=0.5)
    operator = BeamOperator(acquisition.beams, 6, (8, 32, 32))
    projections = operator.project(operator.extend(specimen))
    misfit = operator.project(bent(projections, operator)) - projections
    assert np.sqrt((misfit**2).mean()) < 0.006


def test_two_mirrored_views_locate_what_one_cannot(specimen):
    errors = []
    for views in (1, 2):
        acquisition = Acquisition(step_length=6, beam="airy", bend=0.1, apex=-3, views=views)
        operator = BeamOperator(acquisition.beams, 6, (8, 32, 32))
        projections = operator.project(operator.extend(specimen))
        errors.append(np.square(operator.crop(bent(projections, operator)) - specimen).mean())
    plain = logspline(
        ProjectionOperator(np.full(6, 1 / 6)).project(specimen), ProjectionOperator(np.full(6, 1 / 6))
    )
    assert errors[1] < 0.7 * min(errors[0], float(np.square(plain - specimen).mean()))


def test_the_first_estimate_is_positive_light_near_agreement(specimen):
    acquisition = Acquisition(step_length=6, beam="bessel")
    operator = BeamOperator(acquisition.beams, 6, (8, 32, 32))
    projections = operator.project(operator.extend(specimen))
    volume = first_estimate(projections, operator)
    assert volume.min() > -0.02
    assert np.abs(operator.project(volume) - projections).mean() < 2e-3


def test_it_can_be_left(specimen):
    operator = BeamOperator(Acquisition(step_length=6, tilt=0.5).beams, 6, (8, 32, 32))

    def leave() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        next(bent_logspline_parts(operator.project(operator.extend(specimen)), operator, check=leave))
