"""Discrete diffusion in T steps: the noise schedule, and the samplers DDPM and DDIM.

The noisy state is x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e with e standard normal and a_t the cumulative product
of 1 - beta (the paper's equation 4). Like those of `samplers`, the samplers here are coroutines: they yield
(x_t, t), are sent the expected clean state x_0, and return the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from .samplers import Sampler


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """Linear variances beta_1 ... beta_T (Ho et al., DDPM, NeurIPS 2020, section 4).

    Attributes
    ----------
    steps : int
        T.
    first, last : float
        beta_1 and beta_T, as they are for T = 1000; for another T they are scaled so that as much noise is
        added in all.
    signal : ndarray, shape (T + 1,)
        a_t for t = 0 ... T; a_0 is 1.
    """

    steps: int = 1000
    first: float = 1e-4
    last: float = 0.02
    signal: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Work out a_t."""
        betas = np.linspace(self.first, self.last, self.steps) * (1000 / self.steps)
        object.__setattr__(self, "signal", np.append(1.0, np.cumprod(1 - np.minimum(betas, 0.999))))

    def times(self, count: int) -> np.ndarray:
        """`count` times from T down to 1, evenly spread, and a final zero; shape (count + 1,).

        Fewer than `count` where there are not as many.
        """
        spread = np.linspace(self.steps, 1, min(count, self.steps)).round().astype(int)
        return np.append(np.unique(spread)[::-1], 0)


def ddpm(x: Any, times: np.ndarray, schedule: NoiseSchedule, noise: Callable[[], Any]) -> Sampler:
    """Ancestral sampling (Ho et al., Algorithm 2): the mean and variance of q(x_s | x_t, x_0), equation 7.

    Parameters
    ----------
    x : array
        Standard normal noise, the state at `times[0]`; NumPy arrays and torch tensors alike.
    times : ndarray of int
        Falling, ending with 0. Where times are left out the posterior is that of the longer step.
    schedule : NoiseSchedule
    noise : callable
        Draws standard normal noise of the shape of `x`.
    """
    for late, early in pairwise(int(t) for t in times):
        clean = yield x, late
        if early == 0:
            return clean
        a, b = float(schedule.signal[late]), float(schedule.signal[early])
        beta = 1 - a / b
        mean = (b**0.5 * beta * clean + (a / b) ** 0.5 * (1 - b) * x) / (1 - a)
        x = mean + (beta * (1 - b) / (1 - a)) ** 0.5 * noise()
    return x


def ddim(x: Any, times: np.ndarray, schedule: NoiseSchedule) -> Sampler:
    """The deterministic sampler of Song et al., DDIM, ICLR 2021, equation 12 with sigma = 0.

    Parameters are those of `ddpm`.
    """
    for late, early in pairwise(int(t) for t in times):
        clean = yield x, late
        if early == 0:
            return clean
        a, b = float(schedule.signal[late]), float(schedule.signal[early])
        direction = (x - a**0.5 * clean) / (1 - a) ** 0.5
        x = b**0.5 * clean + (1 - b) ** 0.5 * direction
    return x
