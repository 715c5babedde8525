"""The pedestal is found from the projections alone, and helps where there is one."""

import numpy as np
import pytest

from napari_microdiffusion.interpolation import choose_pedestal, logspline
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.specimens import ImagingConditions, image_specimen
from napari_microdiffusion.specimens.stamping import stamp_balls

OPERATOR = ProjectionOperator(np.full(6, 1 / 6))
GLOW = 0.15


@pytest.fixture(scope="module")
def beads() -> np.ndarray:
    """Blurred small objects in the dark."""
    rng = np.random.default_rng(3)
    volume = np.zeros((96, 40, 40), np.float32)
    stamp_balls(volume, rng.uniform(0, volume.shape, (120, 3)), np.full(120, 1.5))
    conditions = ImagingConditions(lateral_blur=1, axial_blur=2)
    return image_specimen(volume, conditions, rng)


def test_a_glow_is_found_and_the_dark_has_none(beads):
    assert choose_pedestal(OPERATOR.project(beads), OPERATOR) < 0.02
    assert choose_pedestal(OPERATOR.project(beads + GLOW), OPERATOR) == pytest.approx(GLOW, rel=0.6)


def test_the_logspline_above_it_is_closer_to_the_truth(beads):
    truth = beads + GLOW
    projections = OPERATOR.project(truth)
    pedestal = choose_pedestal(projections, OPERATOR)

    def error(volume: np.ndarray) -> float:
        return float(np.square(volume - truth).mean())

    above = logspline(projections, OPERATOR, pedestal=pedestal)
    assert error(above) < 0.9 * error(logspline(projections, OPERATOR))
    # What lies below the pedestal is not lost.
    assert np.sqrt(np.square(OPERATOR.project(above) - projections).mean()) < 0.01


def test_above_a_pedestal_the_logspline_is_that_of_what_lies_above_it(beads):
    np.testing.assert_allclose(
        logspline(OPERATOR.project(beads + GLOW), OPERATOR, pedestal=GLOW),
        logspline(OPERATOR.project(beads), OPERATOR) + GLOW,
        atol=1e-4,
    )


@pytest.mark.parametrize("projections", [np.zeros((8, 5, 5)), np.ones((3, 5, 5)), np.full((8, 1, 1), 0.3)])
def test_where_nothing_can_be_told_there_is_none_or_a_usable_one(projections):
    pedestal = choose_pedestal(projections.astype(np.float32), OPERATOR)
    assert 0 <= pedestal <= 0.5


def test_long_and_wide_stacks_are_looked_at_in_part(beads):
    projections = OPERATOR.project(beads + GLOW)
    wide = np.tile(projections, (5, 4, 4))
    assert choose_pedestal(wide, OPERATOR) == pytest.approx(GLOW, rel=0.6)


def test_every_column_may_have_a_pedestal_of_its_own(beads):
    projections = OPERATOR.project(beads + GLOW)
    pedestals = np.zeros(projections.shape[1:], np.float32)
    pedestals[1::2] = GLOW
    found = logspline(projections, OPERATOR, pedestal=pedestals)
    np.testing.assert_allclose(found[:, ::2], logspline(projections, OPERATOR)[:, ::2], atol=1e-5)
    np.testing.assert_allclose(
        found[:, 1::2], logspline(projections, OPERATOR, pedestal=GLOW)[:, 1::2], atol=1e-5
    )
