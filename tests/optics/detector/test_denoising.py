"""Denoising: nearer to the light than what was recorded, and nothing at all without noise."""

import numpy as np
import pytest

from napari_microdiffusion.optics.detector.denoising import denoise
from napari_microdiffusion.optics.detector.noise import NoiseModel
from napari_microdiffusion.specimens import make_specimen


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    return make_specimen("vasculature", (36, 60, 64), 3).reshape(6, 6, 60, 64).mean(1)


def rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.square(difference, dtype=np.float64).mean()))


def recorded(light: np.ndarray, noise: NoiseModel, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    counts = light - noise.dark_level
    if noise.photon_gain:
        counts = rng.poisson(np.maximum(counts, 0) / noise.photon_gain) * noise.photon_gain
    return (counts + noise.read_noise * rng.standard_normal(light.shape) + noise.dark_level).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("noise", "gain"),
    [
        (NoiseModel(1 / 10), 2.0),
        (NoiseModel(1 / 60, 0.02), 1.8),
        (NoiseModel(0, 0.1), 2.0),
        (NoiseModel(1 / 60, 0.02, -0.3), 1.8),
    ],
)
def test_most_of_the_noise_is_gone_and_the_light_is_kept(light, noise, gain):
    measured = recorded(light, noise)
    denoised = denoise(measured, noise)
    assert denoised.dtype == np.float32
    assert rms(denoised - light) < rms(measured - light) / gain
    assert float(denoised.mean()) == pytest.approx(float(light.mean()), abs=0.006)


def test_without_noise_nothing_changes_and_with_little_hardly_anything(light):
    np.testing.assert_array_equal(denoise(light, NoiseModel()), light)
    for level in (1e-3, 1e-5):
        assert np.abs(denoise(light, NoiseModel(level**2, level)) - light).max() < 8 * level


def test_the_unit_and_the_offset_do_not_matter(light):
    noise = NoiseModel(1 / 30, 0.02)
    measured = recorded(light, noise)
    grey = denoise(1000 * measured + 400, NoiseModel(1000 / 30, 20, 400))
    np.testing.assert_allclose((grey - 400) / 1000, denoise(measured, noise), atol=1e-3)


def test_what_lies_below_the_dark_level_is_no_brighter_afterwards(light):
    noise = NoiseModel(1e-4, 0.003, 0.1)
    below = np.where(light > 0.1, light, 0)
    assert denoise(below, noise)[light <= 0.1].mean() < 0.005


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 50), (1, 7, 4)])
def test_narrow_images_are_denoised_too(shape, rng):
    measured = (0.5 + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    denoised = denoise(measured, NoiseModel(read_noise=0.1))
    assert denoised.shape == shape
    assert np.isfinite(denoised).all()
    assert denoised.std() <= measured.std() + 1e-6
