"""Facts of a stack: computed once, the same for all stages, and never changed."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.reconstruction.facts import StackFacts
from napari_microdiffusion.settings.method import ReconstructionConfig


def facts_of(projections, consistency="noise", light="as recorded", **acquisition):
    config = ReconstructionConfig(consistency=consistency, light=light)
    return StackFacts(projections, Acquisition(step_length=4, **acquisition), config)


@pytest.fixture
def projections(rng):
    return (100 + rng.random((12, 12, 10), dtype=np.float32)).astype(np.float32)


def test_they_cannot_be_changed(projections):
    with pytest.raises(FrozenInstanceError):
        facts_of(projections).given = projections


def test_what_costs_time_is_computed_once(projections):
    facts = facts_of(projections)
    assert facts.variance is facts.variance
    assert facts.denoised is facts.denoised
    assert facts.light is facts.light


def test_the_measurement_is_what_was_given_unless_its_light_is_corrected(projections):
    assert facts_of(projections).measured is projections
    uneven = projections.copy()
    uneven[6] *= 0.5
    facts = facts_of(uneven, light="flicker")
    assert facts.given is uneven
    np.testing.assert_allclose(facts.measured[6], projections[6], rtol=0.05)


def test_two_views_have_the_volume_of_one(projections):
    facts = facts_of(projections, tilt=0.5, views=2)
    assert facts.shape == (6, 12, 10)
    assert facts.volume_shape == (24, 12, 10)
    np.testing.assert_allclose(facts.by_view, (projections[:6] + projections[6:]) / 2, rtol=1e-6)


def test_noise_that_counts_for_little_counts_where_sharpening_makes_much_of_it(projections):
    """A beam tilted by a pixel a slice leaves nothing of some detail; straight and bent ones do not."""
    quiet = {"photon_gain": 0.0, "read_noise": 1e-3}
    levels = {
        name: facts_of(projections, **quiet, **beam).noise_level
        for name, beam in (
            ("slabs", {}),
            ("overlapping", {"width": 6}),
            ("bent", {"beam": "airy", "bend": 0.1}),
            ("tilted", {"tilt": 1.0}),
        )
    }
    assert levels.pop("tilted") == pytest.approx(2e-3 / np.ptp(projections), rel=0.2)
    assert not any(levels.values())


@pytest.mark.parametrize(
    ("asked", "read_noise", "in_effect"),
    [
        ("noise", 1e-4, "nonnegative"),
        ("noise", 0.5, "noise"),
        ("exact", 0.5, "exact"),
        ("none", 1e-4, "none"),
    ],
)
def test_within_the_noise_is_exact_where_there_is_hardly_any(projections, asked, read_noise, in_effect):
    assert facts_of(projections, asked, read_noise=read_noise).consistency == in_effect
