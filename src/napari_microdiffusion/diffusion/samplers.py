"""Noise levels, and the step of the sampler that takes a noisy state from one level to the next.

A step is a pure function of the state and of what the denoiser made of it. Sampling is a loop of whoever
evaluates the denoiser, at once or in tiles with progress in between::

    earlier = None
    for step, sigma in enumerate(sigmas[:-1]):
        clean = denoise(x, sigma)
        x, earlier = dpm_solver_2m_step(x, clean, earlier, sigmas, step), clean
"""

from typing import Any

import numpy as np


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> np.ndarray:
    """Noise levels from high to low (Karras et al. 2022, EDM, eq. 5) and a final zero, shape (steps + 1,)."""
    ramp = np.linspace(0, 1, steps) if steps > 1 else np.zeros(1)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return np.append((high + ramp * (low - high)) ** rho, 0.0)


def dpm_solver_2m_step(x: Any, clean: Any, earlier: Any, sigmas: np.ndarray, step: int) -> Any:
    """The state at `sigmas[step + 1]`: DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2) in EDM's variables.

    Parameters
    ----------
    x : array
        The state at `sigmas[step]`; NumPy arrays and torch tensors alike.
    clean : array
        The expected clean state, given `x`.
    earlier : array or None
        `clean` of the step before; None in the first.
    sigmas : ndarray, shape (steps + 1,)
        Falling noise levels that end with zero.
    step : int
        From 0.
    """
    high, low = float(sigmas[step]), float(sigmas[step + 1])
    if low == 0:
        return clean
    width = float(np.log(high / low))
    direction = clean
    if earlier is not None:
        share = width / (2 * float(np.log(float(sigmas[step - 1]) / high)))
        direction = (1 + share) * clean - share * earlier
    return (low / high) * x - float(np.expm1(-width)) * direction
