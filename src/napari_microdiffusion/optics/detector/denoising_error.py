"""How far denoised projections are from the light itself, told without knowing it.

Stein's unbiased estimate of risk (Stein 1981): for noise of known variance, the expected squared error of any
estimate follows from the estimate and its derivative by the measurement, which one more estimate from
slightly changed measurements tells (Ramani, Blu and Unser 2008). Of one pixel that is hardly anything; of all
pixels of a brightness it is close.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..operators.conjugate_gradients import unchecked
from .denoising import denoise
from .noise import NoiseModel

# By how much of its noise a measurement is changed.
_CHANGE = 0.1
# Classes of brightness; the bright ones hold fewer pixels, since they are what matters.
_CLASSES = 24
_FEWEST = 50


@dataclass(frozen=True, eq=False)
class DenoisingError:
    """Variance of the error by brightness.

    Attributes
    ----------
    brightness : ndarray, shape (K,)
        Mean of each class, increasing.
    variance : ndarray, shape (K,)
        Mean squared error there, the unit of the projections squared.
    followed : float
        Share of the noise that the denoised projections follow, degrees of freedom per pixel, 0 to 1: by the
        rest they differ from what was measured.
    """

    brightness: np.ndarray
    variance: np.ndarray
    followed: float

    @classmethod
    def of(
        cls,
        projections: np.ndarray,
        denoised: np.ndarray,
        noise: NoiseModel,
        check: Callable[[], None] = unchecked,
    ) -> Self:
        """Estimate the error of what `denoise` made of projections.

        Parameters
        ----------
        projections : ndarray, shape (N, H, W)
            As measured.
        denoised : ndarray, shape (N, H, W)
        noise : NoiseModel
            Not negligible.
        check : callable
            Called before each projection; may raise to leave.
        """
        deviation = noise.deviation(denoised)
        change = np.random.default_rng(0).standard_normal(projections.shape, dtype=np.float32)
        changed = denoise(projections + _CHANGE * deviation * change, noise, check)
        # The variance of the noise times the derivative.
        drift = deviation * change * (changed - denoised) / _CHANGE
        noisy = float(np.square(deviation).sum(dtype=np.float64))
        followed = float(drift.sum(dtype=np.float64)) / noisy if noisy > 0 else 0.0
        # Of a spark that was smeared out the denoised pixel knows nothing: the measured one tells its noise
        # rightly on average, below the dark level as well.
        variance = noise.photon_gain * (projections - noise.dark_level) + noise.read_noise**2
        risk = np.square(denoised - projections) - variance + 2 * drift
        edges = np.quantile(denoised, np.linspace(0, 1, _CLASSES + 1)[1:-1] ** 0.5)
        place = np.digitize(denoised, edges)
        classes = [place == k for k in range(_CLASSES)]
        classes = [chosen for chosen in classes if np.count_nonzero(chosen) >= _FEWEST]
        return cls(
            np.array([denoised[chosen].mean(dtype=np.float64) for chosen in classes]),
            np.array([max(risk[chosen].mean(dtype=np.float64), 0.0) for chosen in classes]),
            float(np.clip(followed, 0, 1)),
        )

    def at(self, denoised: np.ndarray) -> np.ndarray:
        """The variance where denoised projections have these values; zero where nothing is known."""
        if not len(self.brightness):
            return np.zeros_like(denoised)
        return np.asarray(np.interp(denoised, self.brightness, self.variance), np.float32)
