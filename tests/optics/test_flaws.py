"""Flaws of projections: found where they are, and not where they are not."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.flaws import find_flaws
from napari_microdiffusion.specimens import make_specimen


def flaws(projections):
    return [text for text in find_flaws(projections) if text]


@pytest.fixture(scope="module", params=["vasculature", "nuclei"])
def good(request):
    truth = make_specimen(request.param, (64, 64, 64), 2) * np.float32(4000) + 500
    return simulate_projections(truth, Acquisition(step_length=4), photons=200, seed=1)


def test_nothing_is_wrong_with_good_projections(good):
    assert flaws(good) == []
    assert flaws(good.astype(np.uint16)) == []


def test_saturated_pixels_are_told_with_their_value_and_share(good):
    top = round(float(np.percentile(good, 99)))
    (text,) = flaws(np.minimum(good, top).astype(np.uint16))
    share, _, rest = text.partition(" % of the pixels are saturated at")
    assert float(share) == pytest.approx(1, abs=0.1)
    assert f"{top:g}" in rest


def test_one_dark_slab_is_named(good):
    dim = good.copy()
    dim[6] *= 0.3
    (text,) = flaws(dim)
    assert text.startswith("Slab 7 of 16")
    dim[11] *= 0.3
    (text,) = flaws(dim)
    assert text.startswith("Slabs 7, 12 of 16")


@pytest.mark.parametrize(("slope", "word"), [(1, "rises"), (-1, "falls")])
def test_a_drifting_background_is_told(good, slope, word):
    ramp = np.linspace(0, 0.3 * np.ptp(good), len(good))[::slope]
    (text,) = flaws(good + ramp[:, None, None])
    assert f"The background {word} by" in text


def test_constant_and_short_stacks_are_left_alone():
    assert flaws(np.full((4, 8, 8), 7)) == []
    assert flaws(np.zeros((2, 8, 8), np.uint8)) == []


def test_the_search_can_be_left_after_every_slab(good):
    search = find_flaws(good)
    assert [next(search) for _ in range(len(good))] == [""] * len(good)
    search.close()
