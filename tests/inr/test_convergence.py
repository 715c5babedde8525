"""Whether a fit has converged can be seen in the one quantity that its curve shows."""

from itertools import pairwise

import numpy as np
import pytest

from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import InrSettings
from napari_microdiffusion.inr.steps import has_levelled_off
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.specimens import make_specimen

N = 3
NOISE = 0.02


@pytest.fixture(scope="module")
def measured():
    volume = make_specimen("vasculature", (18, 32, 32), 1)
    clean = ProjectionOperator(np.full(N, 1 / N)).project(volume)
    return clean + np.random.default_rng(0).normal(0, NOISE, clean.shape)


def test_the_misfit_of_a_fit_is_counted_in_the_noise_and_does_not_jump(measured):
    settings = InrSettings(epochs=60, read_noise=NOISE)
    misfits = [step.misfit for step in fit_inr(measured, np.full(N, 1 / N), settings)]
    fitted = None
    for step in fit_inr(measured, np.full(N, 1 / N), settings):
        fitted = step.fitted
    volume = np.stack(list(fitted.render_slices()))
    left = ProjectionOperator(np.full(N, 1 / N)).project(volume) - measured
    assert misfits[-1] == pytest.approx(np.sqrt(np.mean((left / NOISE) ** 2)), rel=0.15)
    # The objective takes on another term on the way; the misfit is one quantity throughout.
    assert max(later / earlier for earlier, later in pairwise(misfits[5:])) < 1.3


@pytest.mark.parametrize(
    ("misfits", "has"),
    [
        (np.geomspace(50, 1, 100), False),
        (np.concatenate([np.geomspace(50, 1, 50), np.full(50, 1.0)]), True),
        ([5.0], False),
    ],
)
def test_a_curve_that_is_level_is_told_from_one_that_falls(misfits, has):
    assert has_levelled_off(list(misfits)) is has
