"""The error of denoised projections is told without the truth."""

import numpy as np
import pytest

from napari_microdiffusion.optics.detector.denoising import denoise
from napari_microdiffusion.optics.detector.denoising_error import DenoisingError
from napari_microdiffusion.optics.detector.noise import NoiseModel


@pytest.fixture
def light():
    """Bright bars on a dim slope; photons."""
    y, x = np.mgrid[:96, :96]
    stack = [2 + x / 40 + 40 * (np.sin(x / (4 + k) + y / 9) > 0.8) for k in range(4)]
    return np.stack(stack).astype(np.float32)


def test_the_estimate_is_near_the_error_itself_where_it_is_dark_and_where_it_is_bright(light):
    noise = NoiseModel(1.0, 0.5, 0.0)
    rng = np.random.default_rng(3)
    measured = (rng.poisson(light) + 0.5 * rng.standard_normal(light.shape)).astype(np.float32)
    denoised = denoise(measured, noise)
    found = DenoisingError.of(measured, denoised, noise).at(denoised)
    true = np.square(denoised - light)
    bright = denoised > 20
    for where in (bright, ~bright):
        assert found[where].mean() == pytest.approx(true[where].mean(), rel=0.35)
    # Few photons are far less uncertain, in photons, than many.
    assert found[bright].mean() > 3 * found[~bright].mean()


def test_where_there_is_neither_light_nor_noise_nothing_is_uncertain(light):
    noise = NoiseModel(1.0, 0.0, 0.0)
    light[:, :48] = 0
    measured = np.random.default_rng(4).poisson(light).astype(np.float32)
    denoised = denoise(measured, noise)
    found = DenoisingError.of(measured, denoised, noise).at(denoised)
    assert np.isfinite(found).all()
    assert found[:, :40].mean() < 0.1 * found[:, 56:].mean()


def test_of_a_tiny_stack_nothing_is_claimed():
    tiny = np.ones((1, 4, 4), np.float32)
    noise = NoiseModel(1.0, 0.5, 0.0)
    assert not DenoisingError.of(tiny, denoise(tiny, noise), noise).at(tiny).any()


def test_it_is_told_how_much_of_the_noise_is_followed(light):
    """By what is not followed the denoised projections differ from the measurement."""
    noise, rng = NoiseModel(0.0, 3.0, 0.0), np.random.default_rng(5)
    speckles = 200 * rng.random(light.shape, dtype=np.float32)
    for tissue, least, most in ((np.zeros_like(light), 0.0, 0.1), (speckles, 0.8, 1.0)):
        measured = (tissue + 3 * rng.standard_normal(light.shape)).astype(np.float32)
        denoised = denoise(measured, noise)
        followed = DenoisingError.of(measured, denoised, noise).followed
        left = np.square((measured - denoised) / 3).mean()
        assert least <= followed <= most
        assert left == pytest.approx(1 - followed, abs=0.1)
