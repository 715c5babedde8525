"""DDPM and DDIM against a Gaussian, whose denoiser and flow are known."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_microdiffusion.diffusion.paper.ddpm import NoiseSchedule, ddim_step, ddpm_step

MEAN, SPREAD, DRAWS = 1.7, 0.6, 20_000
SCHEDULE = NoiseSchedule()


def gaussian_denoiser(x, t):
    """E[clean | x] for clean ~ N(MEAN, SPREAD^2)."""
    a = SCHEDULE.signal[t]
    return MEAN + SPREAD**2 * a**0.5 / (SPREAD**2 * a + 1 - a) * (x - a**0.5 * MEAN)


def sample(name, steps, x, rng):
    for late, early in pairwise(SCHEDULE.times(steps).tolist()):
        clean = gaussian_denoiser(x, late)
        if name == "ddim":
            x = ddim_step(x, clean, late, early, SCHEDULE)
        else:
            x = ddpm_step(x, clean, late, early, SCHEDULE, lambda: rng.standard_normal(DRAWS))
    return x


@pytest.mark.parametrize("name", ["ddpm", "ddim"])
def test_samples_have_the_mean_and_variance_of_the_gaussian(name):
    rng = np.random.default_rng(1)
    samples = sample(name, 1000, rng.standard_normal(DRAWS), rng)
    # Four standard errors of a mean and of a variance; the discretisation adds about a thousandth.
    assert samples.mean() == pytest.approx(MEAN, abs=4 * SPREAD / DRAWS**0.5 + 2e-3)
    assert samples.var() == pytest.approx(SPREAD**2, rel=4 * (2 / DRAWS) ** 0.5 + 1e-2)


def test_few_ddim_steps_follow_the_flow_better_the_more_there_are():
    start = np.linspace(-2, 2, 9)
    a = SCHEDULE.signal[-1]
    level = np.hypot(a**0.5 * SPREAD, (1 - a) ** 0.5)
    exact = MEAN + SPREAD * (start - a**0.5 * MEAN) / level
    errors = [np.abs(sample("ddim", steps, start, None) - exact).max() for steps in (25, 50, 100)]
    assert errors[0] < 0.25
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]


def test_the_schedule_is_that_of_the_paper():
    betas = 1 - SCHEDULE.signal[1:] / SCHEDULE.signal[:-1]
    np.testing.assert_allclose(betas, np.linspace(1e-4, 0.02, 1000), rtol=1e-9)
    assert SCHEDULE.signal[-1] == pytest.approx(4.04e-5, rel=1e-2)
    # Another number of steps ends with about as little of the signal.
    assert np.log(NoiseSchedule(250).signal[-1]) == pytest.approx(np.log(SCHEDULE.signal[-1]), rel=0.03)


@pytest.mark.parametrize(("count", "expected"), [(1, [1000, 0]), (3, [1000, 500, 1, 0])])
def test_times_fall_from_the_last_to_none(count, expected):
    assert SCHEDULE.times(count).tolist() == expected


def test_no_time_is_visited_twice():
    assert NoiseSchedule(10).times(50).tolist() == list(range(10, -1, -1))


def test_tensors_and_arrays_are_sampled_alike():
    start = np.linspace(-1, 1, 8)
    array, tensor = sample("ddim", 20, start, None), sample("ddim", 20, torch.from_numpy(start), None)
    np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-12)
