"""Discrete diffusion in T steps: the noise schedule, and the samplers DDPM and DDIM.

The noisy state is x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e with e standard normal and a_t the cumulative product
of 1 - beta (the paper's equation 4). Like that of `samplers`, a step here is a pure function of the state x_t
and the expected clean state x_0 there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


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


def ddpm_step(
    x: Any, clean: Any, late: int, early: int, schedule: NoiseSchedule, noise: Callable[[], Any]
) -> Any:
    """Ancestral sampling (Ho et al., Algorithm 2): drawn from q(x_s | x_t, x_0), equation 7.

    Parameters
    ----------
    x : array
        The state at the time `late`; NumPy arrays and torch tensors alike.
    clean : array
        The expected clean state, given `x`.
    late, early : int
        The times t and s < t. Where times are left out between them the posterior is that of the longer step.
    schedule : NoiseSchedule
    noise : callable
        Draws standard normal noise of the shape of `x`; not called where `early` is 0.

    Returns
    -------
    array
        The state at the time `early`.
    """
    if early == 0:
        return clean
    a, b = float(schedule.signal[late]), float(schedule.signal[early])
    beta = 1 - a / b
    mean = (b**0.5 * beta * clean + (a / b) ** 0.5 * (1 - b) * x) / (1 - a)
    return mean + (beta * (1 - b) / (1 - a)) ** 0.5 * noise()


def ddim_step(x: Any, clean: Any, late: int, early: int, schedule: NoiseSchedule) -> Any:
    """The deterministic sampler of Song et al., DDIM, ICLR 2021, equation 12 with sigma = 0.

    Parameters and result are those of `ddpm_step`.
    """
    if early == 0:
        return clean
    a, b = float(schedule.signal[late]), float(schedule.signal[early])
    direction = (x - a**0.5 * clean) / (1 - a) ** 0.5
    return b**0.5 * clean + (1 - b) ** 0.5 * direction
