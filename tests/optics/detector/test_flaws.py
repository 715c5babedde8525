"""Flaws of projections: found where they are, and not where they are not."""

import re

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.flaws import find_flaws
from napari_microdiffusion.optics.detector.light import even_light
from napari_microdiffusion.specimens import TISSUES, ImagingConditions, make_specimen


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


@pytest.mark.parametrize("slabs", [slice(3, 4), slice(None)])
def test_one_bright_pixel_is_no_saturation(good, slabs):
    small = good[:, :24, :24].astype(np.uint16)
    small[slabs, 5, 5] = 65535
    assert not any("saturated" in text for text in flaws(small))


def test_one_dark_slab_is_named(good):
    dim = good.copy()
    dim[6] *= 0.3
    (text,) = flaws(dim)
    assert text.startswith("Slab 7 of 16")
    assert "--light flicker" in text
    dim[11] *= 0.3
    (text,) = flaws(dim)
    assert text.startswith("Slabs 7, 12 of 16")


@pytest.fixture(scope="module", params=["background", "background above a dark level", "sparse"])
def tissue(request):
    """Projections of tissue of three kinds, and the dark level that is known of them."""
    dark = 300 if "dark" in request.param else 0
    background = ImagingConditions() if request.param == "sparse" else ImagingConditions(background=0.15)
    truth = make_specimen("dendrites", (96, 64, 64), 1, background) * np.float32(4000) + dark
    acquisition = Acquisition(step_length=6, dark_level=dark)
    return simulate_projections(truth, acquisition, photons=100, seed=1), dark


@pytest.mark.parametrize("change", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("light", ["flicker", "drift"])
@pytest.mark.parametrize("kind", ["gain", "offset"])
def test_a_correction_is_recommended_exactly_where_it_would_change_something(tissue, change, light, kind):
    projections, dark = tissue
    amount = np.where(np.arange(16) == 6, change, 0) if light == "flicker" else np.linspace(0, change, 16)
    amount = amount.astype(np.float32)[:, None, None]
    if kind == "gain":
        uneven = dark + (projections - dark) * (1 - amount)
    else:
        uneven = projections + amount * np.ptp(projections)
    recommended = any(f"--light {light}" in text for text in find_flaws(uneven, dark_level=dark))
    assert recommended == even_light(uneven, light, dark_level=dark).is_changed


@pytest.mark.parametrize(("slope", "word"), [(1, "rises"), (-1, "falls")])
def test_a_drifting_background_is_told(good, slope, word):
    ramp = np.linspace(0, 0.3 * np.ptp(good), len(good))[::slope]
    (text,) = flaws(good + ramp[:, None, None])
    assert f"The background {word} by" in text
    assert "--light drift" in text


@pytest.mark.parametrize("shift", [(5, 0), (-4, -6), (0, 11)])
def test_a_slab_that_lies_sideways_is_named(good, shift):
    moved = good.copy()
    moved[8] = np.roll(moved[8], shift, (0, 1))
    (text,) = flaws(moved)
    found = re.match(r"Slab 9 \(by about (\d+) pixels\) of 16 lies sideways", text)
    assert abs(int(found[1]) - np.hypot(*shift)) <= 2


@pytest.mark.parametrize("kind", TISSUES)
@pytest.mark.parametrize("seed", [3, 4])
def test_no_tissue_is_taken_for_a_moved_one(kind, seed):
    truth = make_specimen(kind, (96, 96, 96), seed) * np.float32(4000) + 300
    assert flaws(simulate_projections(truth, Acquisition(step_length=6), photons=80, seed=seed)) == []


def test_tissue_that_runs_aslant_has_not_moved():
    cells = np.random.default_rng(4).poisson(0.02, (96, 160)).astype(np.float32)
    slabs = np.stack([np.roll(cells, 5 * slab, axis=1)[:, :96] for slab in range(12)])
    assert flaws(slabs + 1) == []


def test_constant_and_short_stacks_are_left_alone():
    assert flaws(np.full((4, 8, 8), 7)) == []
    assert flaws(np.zeros((2, 8, 8), np.uint8)) == []


def test_the_search_can_be_left_after_every_slab(good):
    search = find_flaws(good)
    assert [next(search) for _ in range(len(good))] == [""] * len(good)
    search.close()
