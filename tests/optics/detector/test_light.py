"""Uneven light: recovered where it is, and left alone where it is not."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.light import LEAST_GAIN, estimate_gains, even_light
from napari_microdiffusion.specimens import KINDS, ImagingConditions, make_specimen

IN_TISSUE = ImagingConditions(background=0.15, background_variation=0.2)
SLABS = 16


def projected(kind, seed, acquisition=None, dark=0.0, conditions=IN_TISSUE):
    truth = make_specimen(kind, (6 * SLABS, 80, 80), seed, conditions) * np.float32(4000) + np.float32(dark)
    acquisition = acquisition or Acquisition(step_length=6, dark_level=dark)
    return simulate_projections(truth, acquisition, photons=100, seed=seed)


@pytest.fixture(scope="module", params=[(kind, seed) for kind in KINDS for seed in (1, 4)], ids=str)
def good(request):
    return projected(*request.param)


@pytest.mark.parametrize("light", ["flicker", "drift"])
def test_even_light_is_left_as_it_is(good, light):
    found = even_light(good, light)
    assert found.projections is good
    assert not found.is_changed
    assert "left as recorded" in found.notice


@pytest.mark.parametrize("gain", [0.3, 0.7, 1.5])
def test_the_gain_of_one_slab_is_found_and_the_others_are_left(good, gain):
    uneven = good.copy()
    uneven[9] *= np.float32(gain)
    found = even_light(uneven, "flicker")
    assert found.gains[9] == pytest.approx(gain, rel=0.1)
    assert np.flatnonzero(found.gains != 1).tolist() == [9]
    np.testing.assert_array_equal(np.delete(found.projections, 9, 0), np.delete(good, 9, 0))
    np.testing.assert_allclose(found.projections[9] * found.gains[9], uneven[9], rtol=1e-5)
    assert found.projections.dtype == np.float32
    assert "slab 10 (" in found.notice


@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_a_linear_drift_is_found(good, slope):
    drift = 1 + slope * np.linspace(-0.5, 0.5, SLABS)
    found = even_light(good * drift[:, None, None].astype(np.float32), "drift")
    # What the specimen's own background does is part of what is found.
    np.testing.assert_allclose(found.gains, drift, rtol=0.1)
    assert found.gains.mean() == pytest.approx(1)
    assert "consistent with the projections so corrected" in found.notice


def test_neighbours_that_both_flicker_are_found():
    uneven = projected("nuclei", 2)
    uneven[[6, 7]] *= 0.5
    gains, _ = estimate_gains(uneven, "flicker")
    np.testing.assert_allclose(gains[[6, 7]], 0.5, rtol=0.1)
    np.testing.assert_array_equal(np.delete(gains, [6, 7]), 1)


def test_a_flickering_slab_does_not_bend_the_drift():
    drift = np.linspace(1.3, 0.7, SLABS)
    uneven = projected("dendrites", 2) * drift[:, None, None].astype(np.float32)
    steady, _ = estimate_gains(uneven, "drift")
    uneven[3] *= 0.4
    found, _ = estimate_gains(uneven, "drift")
    np.testing.assert_allclose(found, steady, rtol=0.03)


def test_light_is_counted_from_the_dark_level():
    good = projected("vasculature", 3, dark=500)
    uneven = good.copy()
    uneven[5] = 500 + 0.5 * (uneven[5] - 500)
    found = even_light(uneven, "flicker", dark_level=500)
    assert found.gains[5] == pytest.approx(0.5, rel=0.1)
    expected = 500 + (uneven[5] - 500) / found.gains[5]
    np.testing.assert_allclose(found.projections[5], expected, rtol=1e-5)
    weaker = even_light(uneven, "flicker").gains[5]
    assert weaker > found.gains[5] + 0.1


def test_each_view_has_its_own_neighbours():
    acquisition = Acquisition(step_length=6, tilt=0.6, views=2)
    good = projected("neurons", 5, acquisition)
    assert not even_light(good, "flicker", views=2).is_changed
    uneven = good.copy()
    uneven[SLABS - 2] *= 0.6
    uneven[SLABS + 1] *= 1.4
    found = even_light(uneven, "flicker", views=2)
    assert np.flatnonzero(found.gains != 1).tolist() == [SLABS - 2, SLABS + 1]
    np.testing.assert_allclose(found.gains[[SLABS - 2, SLABS + 1]], [0.6, 1.4], rtol=0.1)
    bleached = good.copy()
    bleached[SLABS:] *= 0.7
    gains = even_light(bleached, "drift", views=2).gains
    np.testing.assert_allclose(gains[SLABS:] / gains[:SLABS], 0.7, rtol=0.05)
    assert "in the second view" in even_light(bleached, "drift", views=2).notice


def test_a_black_slab_is_not_blown_up():
    uneven = projected("nuclei", 1)
    uneven[8] = 0
    found = even_light(uneven, "flicker")
    assert found.gains[8] == LEAST_GAIN
    assert np.all(found.projections[8] == 0)


@pytest.mark.parametrize("light", ["flicker", "drift"])
def test_without_background_or_slabs_nothing_is_done(light):
    sparse = projected("dendrites", 1, conditions=ImagingConditions())
    sparse[6] *= 0.3
    found = even_light(sparse, light)
    assert not found.is_changed
    assert "too little background" in found.notice
    assert "at least 5 slabs" in even_light(sparse[:4], light).notice
    assert not even_light(np.ones((6, 8, 8), np.float32), light).is_changed
    assert even_light(sparse, "as recorded").notice == ""
