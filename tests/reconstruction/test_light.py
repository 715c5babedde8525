"""Runs on projections in uneven light."""

from dataclasses import replace

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import Notice
from napari_microdiffusion.reconstruction.provenance import digest
from napari_microdiffusion.specimens import ImagingConditions, make_specimen

DIM, N = 5, 4


@pytest.fixture(scope="module")
def truth():
    tissue = ImagingConditions(background=0.2, background_variation=0.2)
    return 3000 * make_specimen("vasculature", (48, 40, 44), 3, tissue) + 500


def flickering(measurement, truth, **optics):
    """The truth's projections, one of them in half the light."""
    acquisition = Acquisition(step_length=N, dark_level=500, **optics)
    uneven = simulate_projections(truth, acquisition)
    uneven[DIM] = 500 + (uneven[DIM] - 500) / 2
    return replace(measurement, projections=uneven, acquisition=acquisition, truth=truth)


@pytest.mark.parametrize("settings", [{"diffusion": "off"}, {"samples": 0}], ids=str)
def test_a_dim_slab_comes_out_nearer_to_the_truth(measurement, truth, configure, record, settings):
    dim = flickering(measurement, truth)
    near = slice((DIM - 1) * N, (DIM + 2) * N)
    errors, runs = {}, {}
    for light in ("as recorded", "flicker"):
        runs[light] = record(dim, configure(light=light, **settings))
        volume = runs[light].result.volume
        errors[light] = float(np.sqrt(np.mean((volume[near] - truth[near]) ** 2)))
    assert errors["flicker"] < errors["as recorded"] / 2
    result = runs["flicker"].result
    assert result.reprojection_max < 1e-4
    (told,) = (text for text in result.notices if "light" in text)
    assert f"slab {DIM + 1} (" in told
    assert told in [event.text for event in runs["flicker"].of(Notice)]
    assert not any("light" in text for text in runs["as recorded"].result.notices)
    # What was given stays what was given.
    assert result.provenance["input"]["sha256"] == digest(dim.projections)
    assert result.provenance["light"][DIM] == pytest.approx(0.5, rel=0.1)
    assert runs["as recorded"].result.provenance["light"] is None


def test_two_views_are_judged_one_by_one(measurement, truth, configure, record):
    dim = flickering(measurement, truth, tilt=0.5, views=2)
    result = record(dim, configure(light="flicker", diffusion="off", guide="linear")).result
    gains = result.provenance["light"]
    assert [slab for slab, gain in enumerate(gains) if gain != 1] == [DIM]
    assert len(gains) == 24


def test_even_light_changes_nothing(measurement, truth, configure, record):
    acquisition = Acquisition(step_length=N, dark_level=500)
    even = replace(measurement, projections=simulate_projections(truth, acquisition), acquisition=acquisition)
    plain, asked = (
        record(even, configure(light=light, diffusion="off")).result for light in ("as recorded", "flicker")
    )
    np.testing.assert_array_equal(plain.volume, asked.volume)
    assert any("left as recorded" in text for text in asked.notices)
