"""The noise that is estimated from projections themselves."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.noise import estimate_noise, estimate_noise_model, local_light
from napari_microdiffusion.optics.simulation import photon_gain
from napari_microdiffusion.specimens import ImagingConditions, make_specimen


def smooth_structure(shape: tuple[int, int, int]) -> np.ndarray:
    z, y, x = np.indices(shape)
    return 5 * np.sin(x / 15) * np.cos(y / 11 + z)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 40.0])
def test_noise_is_found_beneath_smooth_structure(rng, sigma):
    clean = smooth_structure((4, 101, 120))
    assert estimate_noise(clean + sigma * rng.standard_normal(clean.shape)) == pytest.approx(sigma, rel=0.1)


def test_edges_are_not_taken_for_noise(rng):
    image = np.zeros((3, 128, 128))
    image[:, 40:80, 30:90] = 100
    assert estimate_noise(image + rng.standard_normal(image.shape)) == pytest.approx(1, rel=0.1)


def test_without_noise_it_is_zero_and_tiny_images_have_none():
    assert estimate_noise(np.zeros((2, 16, 16))) == 0
    assert estimate_noise(np.ones((2, 1, 9))) == 0


def test_local_light_separates_noise_from_structure(rng):
    noise = rng.standard_normal((3, 60, 60)).astype(np.float32)
    variance = np.ones_like(noise)
    flat_mean, flat = local_light(50 + noise, variance)
    assert flat_mean.mean() == pytest.approx(50, rel=0.01)
    # Nine pixels tell a variance to a factor of two; what is left is small against real structure.
    assert flat.mean() < 0.5
    striped = 50 + 20 * (np.arange(60) % 4 < 2) + noise
    _, structure = local_light(striped, variance)
    assert structure.mean() > 50
    assert structure.dtype == np.float32
    assert (structure >= 0).all()


@pytest.mark.parametrize("photons", [5, 50, 500])
@pytest.mark.parametrize("kind", ["vasculature", "nuclei"])
def test_photon_gain_and_read_noise_are_found_in_the_projections(kind, photons):
    volume = make_specimen(kind, (48, 64, 64), 4, ImagingConditions(lateral_blur=1.5, background=0.1))
    for read_noise in (0.0, 0.02):
        projections = simulate_projections(
            volume, Acquisition(step_length=6), photons=photons, read_noise=read_noise, seed=1
        )
        gain, read = estimate_noise_model(projections)
        light = np.percentile(projections, [80, 99.5])
        expected = photon_gain(volume, photons) * light + read_noise**2
        np.testing.assert_allclose(gain * light + read**2, expected, rtol=0.4)


def test_pixels_without_light_tell_the_read_noise_unless_they_are_clipped():
    volume = make_specimen("nuclei", (48, 64, 64), 4)
    acquisition = Acquisition(step_length=6)
    projections = simulate_projections(volume, acquisition, photons=300, read_noise=0.003, seed=1)
    _, read = estimate_noise_model(projections)
    assert read == pytest.approx(0.003, rel=0.7)
    # Cut off, they would tell of no noise at all: what the bright ones tell stays, rather too much.
    _, clipped = estimate_noise_model(np.maximum(projections, 0))
    assert clipped > 0.003


def test_where_too_little_light_is_seen_the_noise_is_one_figure(rng):
    assert estimate_noise_model(np.zeros((2, 9, 9))) == (0.0, 0.0)
    gain, read = estimate_noise_model(rng.normal(0, 1, (1, 20, 20)))
    assert gain == 0
    assert read == pytest.approx(1, rel=0.2)
