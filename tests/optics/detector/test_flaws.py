"""Flaws of projections: found where they are, and not where they are not."""

import re

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.flaws import find_flaws
from napari_microdiffusion.specimens import TISSUES, make_specimen


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
    assert "--light flicker" in text
    dim[11] *= 0.3
    (text,) = flaws(dim)
    assert text.startswith("Slabs 7, 12 of 16")


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
