"""The noise of single slices bounds what any reconstruction can reach against them."""

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.evaluation.slice_noise import slice_noise, slice_noise_ceiling
from napari_microdiffusion.specimens import make_specimen


@pytest.fixture(scope="module")
def specimen() -> np.ndarray:
    return make_specimen("vasculature", (48, 48, 48), 3)


def noisy(volume: np.ndarray, deviation: float) -> np.ndarray:
    return volume + np.random.default_rng(0).normal(0, deviation, volume.shape).astype(np.float32)


def test_without_noise_it_sees_hardly_any(specimen):
    assert slice_noise(specimen) < 0.01


@pytest.mark.parametrize("deviation", [0.03, 0.1])
def test_the_noise_of_slices_is_found_among_structures(specimen, deviation):
    assert slice_noise(noisy(specimen, deviation)) == pytest.approx(deviation, rel=0.1)


def test_noise_that_grows_with_the_light_is_found():
    light = np.broadcast_to(np.linspace(2, 400, 48)[:, None], (48, 48, 48))
    counts = np.random.default_rng(0).poisson(light).astype(np.float32)
    assert slice_noise(counts) == pytest.approx(counts.mean() ** 0.5, rel=0.1)


def test_the_ceiling_is_what_the_volume_without_noise_reaches(specimen):
    truth = noisy(specimen, 0.1)
    psnr, r2 = slice_noise_ceiling(truth, 6, 1.0)
    error = np.square(truth - specimen).mean()
    assert psnr == pytest.approx(-10 * np.log10(error), abs=0.8)
    slabs, clean = (v.reshape(8, 6, 48, 48) for v in (truth, specimen))
    hidden = slabs - slabs.mean(1, keepdims=True)
    missed = hidden - (clean - clean.mean(1, keepdims=True))
    assert r2 == pytest.approx(1 - np.square(missed).sum() / np.square(hidden).sum(), abs=0.1)
    assert slice_noise_ceiling(np.zeros((6, 4, 4)), 6, 1.0) == (float("inf"), 1.0)


def test_two_slices_are_too_few():
    with pytest.raises(UserError, match="at least 3"):
        slice_noise(np.zeros((2, 8, 8)))
