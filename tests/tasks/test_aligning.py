"""A truth of more slices than the volume is aligned by what it shows."""

import numpy as np
import pytest

from napari_microdiffusion.errors import Cancelled
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.reconstruction.events import CancelToken
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.tasks.aligning import AlignTruth

N, SLABS = 4, 5


@pytest.fixture(scope="module")
def tissue():
    return 100 + 900 * make_specimen("vasculature", (N * SLABS + 9, 40, 48), 2)


def aligned(projections, truth, **optics):
    (found,) = AlignTruth(projections, truth, Acquisition(step_length=N, **optics))(CancelToken())
    return found


@pytest.mark.parametrize("optics", [{}, {"axial_profile": (1.0,) * 8}], ids=["slabs", "overlapping"])
@pytest.mark.parametrize("first", [0, 3, 9])
def test_the_slices_that_the_projections_are_of_are_found_in_noise(tissue, rng, first, optics):
    acquisition = Acquisition(step_length=N, **optics)
    projections = simulate_projections(tissue[first : first + N * SLABS], acquisition)
    noisy = rng.poisson(projections / 10) * 10.0
    found = aligned(noisy, tissue.astype(np.uint16), **optics)
    assert found.first == first
    assert found.match > 0.5
    said = found.describe(N * SLABS)
    assert ("slices 4 to 23" in said) == (first == 3)
    assert ("first 20 slices" in said) == (first == 0)


def test_of_another_place_the_first_slices_stay_and_that_is_told(tissue, rng):
    other = rng.permuted(simulate_projections(tissue[: N * SLABS], Acquisition(step_length=N)).ravel())
    found = aligned(other.reshape(SLABS, 40, 48), tissue)
    assert found.first == 0
    assert "None of its slices match" in found.describe(N * SLABS)


def test_an_empty_truth_is_no_match(tissue):
    projections = simulate_projections(tissue[: N * SLABS], Acquisition(step_length=N))
    assert aligned(projections, np.zeros_like(tissue)).first == 0


def test_it_can_be_cancelled(tissue):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        list(AlignTruth(tissue[:SLABS], tissue, Acquisition(step_length=N))(token))
