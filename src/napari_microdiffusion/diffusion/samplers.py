"""Samplers: from noise to a sample, given the noise levels and someone who evaluates the denoiser.

A sampler is a coroutine. It yields what it wants denoised, a noisy state and its noise level, and is sent the
expected clean state; its return value is the sample. Whoever drives it decides how an evaluation is done: at
once, in tiles with progress and cancelling in between, or on another device.
"""

from collections.abc import Callable, Generator
from itertools import pairwise
from typing import Any

import numpy as np

Sampler = Generator[tuple[Any, float], Any, Any]


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> np.ndarray:
    """Noise levels from high to low (Karras et al. 2022, EDM, eq. 5) and a final zero, shape (steps + 1,)."""
    ramp = np.linspace(0, 1, steps) if steps > 1 else np.zeros(1)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return np.append((high + ramp * (low - high)) ** rho, 0.0)


def heun(x: Any, sigmas: np.ndarray) -> Sampler:
    """Heun's second-order solver of the probability-flow equation (EDM, Algorithm 1).

    Two evaluations a step, one in the last.

    Parameters
    ----------
    x : array
        Noise of standard deviation `sigmas[0]`; NumPy arrays and torch tensors alike.
    sigmas : ndarray, shape (steps + 1,)
        Falling noise levels that end with zero.
    """
    for high, low in pairwise(map(float, sigmas)):
        slope = (x - (yield x, high)) / high
        ahead = x + slope * (low - high)
        if low > 0:
            second = (ahead - (yield ahead, low)) / low
            ahead = x + (slope + second) * ((low - high) / 2)
        x = ahead
    return x


def dpm_solver_2m(x: Any, sigmas: np.ndarray) -> Sampler:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2) in EDM's variables; one evaluation a step.

    Parameters are those of `heun`.
    """
    before, width_before = None, 0.0
    for high, low in pairwise(map(float, sigmas)):
        clean = yield x, high
        if low == 0:
            return clean
        width = float(np.log(high / low))
        direction = clean
        if before is not None:
            share = width / (2 * width_before)
            direction = (1 + share) * clean - share * before
        x = (low / high) * x - float(np.expm1(-width)) * direction
        before, width_before = clean, width
    return x


SAMPLERS: dict[str, Callable[[Any, np.ndarray], Sampler]] = {"heun": heun, "dpm++2m": dpm_solver_2m}


def drive(sampler: Sampler, denoise: Callable[[Any, float], Any]) -> Any:
    """Run a sampler to its end with a denoiser that answers at once; returns the sample."""
    try:
        request = next(sampler)
        while True:
            request = sampler.send(denoise(*request))
    except StopIteration as finished:
        return finished.value
