"""The sampler against a case with an analytic answer: a Gaussian, whose denoiser and flow are known."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.samplers import dpm_solver_2m_step, karras_sigmas
from napari_microdiffusion.reconstruction.slab.stages import SIGMA_START

MEAN, SPREAD, HIGH, LOW = 1.7, 0.6, 40.0, 0.02


def gaussian_denoiser(x, sigma):
    """E[clean | x] for clean ~ N(MEAN, SPREAD^2)."""
    return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)


def exact_flow(x):
    """Where the probability flow takes x, from the highest noise level to none."""
    return MEAN + SPREAD / np.sqrt(SPREAD**2 + HIGH**2) * (x - MEAN)


def sample(x, sigmas, denoise=gaussian_denoiser):
    earlier = None
    for step, sigma in enumerate(sigmas[:-1]):
        clean = denoise(x, sigma)
        x, earlier = dpm_solver_2m_step(x, clean, earlier, sigmas, step), clean
    return x


def largest_error(steps):
    start = HIGH * np.linspace(-2, 2, 21)
    return np.abs(sample(start, karras_sigmas(steps, LOW, HIGH)) - exact_flow(start)).max()


def test_samples_have_the_mean_and_variance_of_the_gaussian():
    start = MEAN + np.hypot(SPREAD, HIGH) * np.random.default_rng(0).standard_normal(20_000)
    samples = sample(start, karras_sigmas(16, LOW, HIGH))
    assert samples.mean() == pytest.approx(MEAN, abs=0.02)
    assert samples.std() == pytest.approx(SPREAD, rel=0.04)


@pytest.mark.parametrize("spread", [0.2, 0.6, 1.0])
def test_a_start_around_the_mean_gives_nearly_the_whole_spread(spread):
    """As runs start: some units of the state away, without the spread that is then part of the noise."""

    def denoiser(x, sigma):
        return (spread**2 * x + sigma**2 * MEAN) / (spread**2 + sigma**2)

    start = MEAN + SIGMA_START * np.random.default_rng(0).standard_normal(20_000)
    samples = sample(start, karras_sigmas(10, LOW, SIGMA_START), denoiser)
    assert samples.mean() == pytest.approx(MEAN, abs=0.02)
    assert samples.std() / spread == pytest.approx(SIGMA_START / np.hypot(SIGMA_START, spread), rel=0.03)


def test_the_error_falls_with_the_square_of_the_step():
    # The final step from the lowest level to none adds an error of its own, far below these.
    errors = [largest_error(steps) for steps in (12, 24, 48)]
    assert errors[0] < 0.25
    assert errors[0] / errors[1] > 2.5
    assert errors[1] / errors[2] > 2.5


def test_tensors_and_arrays_are_sampled_alike():
    start, sigmas = HIGH * np.linspace(-1, 1, 8), karras_sigmas(8, LOW, HIGH)
    array, tensor = sample(start, sigmas), sample(torch.from_numpy(start), sigmas)
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-12)


def test_a_denoiser_that_knows_the_answer_is_believed():
    answer = np.array([3.0, -1.0])
    sampled = sample(HIGH * np.ones(2), karras_sigmas(5, LOW, HIGH), lambda x, sigma: answer)
    np.testing.assert_allclose(sampled, answer)


def test_noise_levels_fall_from_high_to_low_and_end_with_zero():
    sigmas = karras_sigmas(7, LOW, HIGH)
    assert sigmas.shape == (8,)
    np.testing.assert_allclose(sigmas[[0, 6, 7]], [HIGH, LOW, 0])
    assert (np.diff(sigmas) < 0).all()
    np.testing.assert_allclose(karras_sigmas(1, LOW, HIGH), [HIGH, 0])
