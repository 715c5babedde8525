"""The noise that is estimated from projections themselves."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.detector.noise import (
    AMBIGUOUS,
    NoiseModel,
    estimate_noise,
    estimate_noise_model,
)
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


@pytest.mark.parametrize("photons", [5, 50, 500])
@pytest.mark.parametrize("kind", ["vasculature", "nuclei"])
def test_photon_gain_and_read_noise_are_found_in_the_projections(kind, photons):
    volume = make_specimen(kind, (48, 64, 64), 4, ImagingConditions(lateral_blur=1.5, background=0.1))
    for read_noise in (0.0, 0.02):
        projections = simulate_projections(
            volume, Acquisition(step_length=6), photons=photons, read_noise=read_noise, seed=1
        )
        light = np.percentile(projections, [80, 99.5])
        expected = photon_gain(volume, photons) * light + read_noise**2
        found = np.square(estimate_noise_model(projections).deviation(light))
        np.testing.assert_allclose(found, expected, rtol=0.4)


def test_pixels_without_light_tell_the_read_noise_unless_they_are_clipped():
    volume = make_specimen("nuclei", (48, 64, 64), 4)
    acquisition = Acquisition(step_length=6)
    projections = simulate_projections(volume, acquisition, photons=300, read_noise=0.003, seed=1)
    read = estimate_noise_model(projections).read_noise
    assert read == pytest.approx(0.003, rel=0.7)
    # Cut off, they would tell of no noise at all: what the bright ones tell stays, rather too much.
    clipped = estimate_noise_model(np.maximum(projections, 0)).read_noise
    assert clipped > 0.003


def test_where_too_little_is_seen_the_noise_is_one_figure(rng):
    assert estimate_noise_model(np.zeros((2, 9, 9))).is_negligible
    found = estimate_noise_model(rng.normal(0, 1, (1, 20, 20)))
    assert found.photon_gain == 0
    assert found.read_noise == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("photons", [8, 40])
def test_sparse_structures_at_few_photons_do_not_hide_the_noise(photons):
    """Most of the pixels without a single photon, and every structure only a few pixels wide."""
    light = make_specimen("neurons", (36, 96, 96), 6).reshape(6, 6, 96, 96).mean(1)
    light /= np.percentile(light, 99.9)
    rng = np.random.default_rng(0)
    measured = rng.poisson(light * photons) / photons + 0.01 * rng.standard_normal(light.shape)
    found = estimate_noise_model(measured)
    bright = np.percentile(light, 95)
    ratio = float(found.deviation(np.array(bright))) / np.sqrt(bright / photons + 1e-4)
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize("kind", ["neurons", "dendrites", "vasculature"])
@pytest.mark.parametrize("photons", [15, 60, 240])
def test_where_photons_are_counted_and_none_come_there_is_no_noise(kind, photons):
    """A sparse specimen on a counter: zeros nearly everywhere, and bright structures few pixels wide."""
    light = make_specimen(kind, (48, 96, 96), 5).reshape(8, 6, 96, 96).mean(1)
    light *= photons / np.percentile(light, 99.9)
    found = estimate_noise_model(np.random.default_rng(0).poisson(light))
    bright = np.percentile(light, 99.5)
    assert float(found.deviation(np.array(bright))) == pytest.approx(np.sqrt(bright), rel=0.25)
    assert float(found.deviation(np.array(0.0))) < 0.6


def test_a_frame_of_zeros_as_motion_correction_leaves_is_not_the_dark_level(rng):
    light = make_specimen("nuclei", (24, 96, 96), 2).reshape(4, 6, 96, 96).mean(1)
    measured = 100 + rng.poisson(80 * light) * 5 + rng.normal(0, 4, light.shape)
    measured[:, :9] = measured[:, :, -7:] = 0
    found = estimate_noise_model(measured)
    inner = np.array([105.0, 180.0, 350.0])
    expected = np.sqrt(5 * (inner - 100) + 16)
    np.testing.assert_allclose(found.deviation(inner), expected, rtol=0.35)


def test_the_dark_level_is_what_the_darkest_places_show():
    light = make_specimen("nuclei", (24, 80, 80), 2).reshape(4, 6, 80, 80).mean(1)
    measured = (
        40
        + np.random.default_rng(1).poisson(200 * light)
        + np.random.default_rng(2).normal(0, 3, light.shape)
    )
    found = estimate_noise_model(measured)
    assert found.dark_level == pytest.approx(40, abs=6)
    assert found.read_noise == pytest.approx(3, rel=0.5)
    assert found.photon_gain == pytest.approx(1, rel=0.35)


def test_little_estimated_noise_may_be_structure_and_is_left_alone():
    assert NoiseModel(read_noise=1.0).if_above(AMBIGUOUS, 100).is_negligible
    assert NoiseModel(read_noise=1.8).if_above(AMBIGUOUS, 100) == NoiseModel(read_noise=1.8)
    assert not NoiseModel(photon_gain=0.01).if_above(AMBIGUOUS, 1).is_negligible


def test_a_noise_model_moves_with_the_unit_and_counts_light_above_the_dark_level():
    model = NoiseModel(photon_gain=4.0, read_noise=3.0, dark_level=10.0)
    grey = np.array([0.0, 10.0, 110.0])
    np.testing.assert_allclose(model.deviation(grey), [3, 3, np.sqrt(409)], rtol=1e-6)
    np.testing.assert_allclose(
        model.scaled(10, 100).deviation((grey - 10) / 100), model.deviation(grey) / 100, rtol=1e-6
    )
