"""Samplers against a case with an analytic answer: a Gaussian, whose denoiser and flow are known."""

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.samplers import SAMPLERS, dpm_solver_2m, drive, heun, karras_sigmas
from napari_microdiffusion.reconstruction.slab.stages import SIGMA_START

MEAN, SPREAD, HIGH, LOW = 1.7, 0.6, 40.0, 0.02


def gaussian_denoiser(x, sigma):
    """E[clean | x] for clean ~ N(MEAN, SPREAD^2)."""
    return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)


def exact_flow(x):
    """Where the probability flow takes x, from the highest noise level to none."""
    return MEAN + SPREAD / np.sqrt(SPREAD**2 + HIGH**2) * (x - MEAN)


def largest_error(sampler, steps):
    start = HIGH * np.linspace(-2, 2, 21)
    end = drive(sampler(start, karras_sigmas(steps, LOW, HIGH)), gaussian_denoiser)
    return np.abs(end - exact_flow(start)).max()


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_mean_and_variance_of_the_gaussian(name):
    start = MEAN + np.hypot(SPREAD, HIGH) * np.random.default_rng(0).standard_normal(20_000)
    samples = drive(SAMPLERS[name](start, karras_sigmas(16, LOW, HIGH)), gaussian_denoiser)
    assert samples.mean() == pytest.approx(MEAN, abs=0.02)
    assert samples.std() == pytest.approx(SPREAD, rel=0.04)


@pytest.mark.parametrize("spread", [0.2, 0.6, 1.0])
def test_a_start_around_the_mean_gives_nearly_the_whole_spread(spread):
    """As runs start: some units of the state away, without the spread that is then part of the noise."""

    def denoiser(x, sigma):
        return (spread**2 * x + sigma**2 * MEAN) / (spread**2 + sigma**2)

    start = MEAN + SIGMA_START * np.random.default_rng(0).standard_normal(20_000)
    samples = drive(dpm_solver_2m(start, karras_sigmas(10, LOW, SIGMA_START)), denoiser)
    assert samples.mean() == pytest.approx(MEAN, abs=0.02)
    assert samples.std() / spread == pytest.approx(SIGMA_START / np.hypot(SIGMA_START, spread), rel=0.03)


@pytest.mark.parametrize(("sampler", "factor"), [(heun, 3.0), (dpm_solver_2m, 2.5)])
def test_the_error_falls_with_the_square_of_the_step(sampler, factor):
    # The final step from the lowest level to none adds an error of its own, far below these.
    errors = [largest_error(sampler, steps) for steps in (12, 24, 48)]
    assert errors[0] < 0.25
    assert errors[0] / errors[1] > factor
    assert errors[1] / errors[2] > factor


@pytest.mark.parametrize("name", SAMPLERS)
def test_tensors_and_arrays_are_sampled_alike(name):
    start = HIGH * np.linspace(-1, 1, 8)
    sigmas = karras_sigmas(8, LOW, HIGH)
    array = drive(SAMPLERS[name](start, sigmas), gaussian_denoiser)
    tensor = drive(SAMPLERS[name](torch.from_numpy(start), sigmas), gaussian_denoiser)
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-12)


@pytest.mark.parametrize(("sampler", "steps", "evaluations"), [(heun, 10, 19), (dpm_solver_2m, 10, 10)])
def test_the_number_of_evaluations_is_what_it_costs(sampler, steps, evaluations):
    asked = []

    def denoise(x, sigma):
        asked.append(sigma)
        return gaussian_denoiser(x, sigma)

    drive(sampler(np.zeros(1), karras_sigmas(steps, LOW, HIGH)), denoise)
    assert len(asked) == evaluations
    assert asked[0] == pytest.approx(HIGH)
    assert min(asked) == pytest.approx(LOW)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_denoiser_that_knows_the_answer_is_believed(name):
    answer = np.array([3.0, -1.0])
    sampled = drive(SAMPLERS[name](HIGH * np.ones(2), karras_sigmas(5, LOW, HIGH)), lambda x, sigma: answer)
    np.testing.assert_allclose(sampled, answer)


def test_noise_levels_fall_from_high_to_low_and_end_with_zero():
    sigmas = karras_sigmas(7, LOW, HIGH)
    assert sigmas.shape == (8,)
    np.testing.assert_allclose(sigmas[[0, 6, 7]], [HIGH, LOW, 0])
    assert (np.diff(sigmas) < 0).all()
    np.testing.assert_allclose(karras_sigmas(1, LOW, HIGH), [HIGH, 0])
