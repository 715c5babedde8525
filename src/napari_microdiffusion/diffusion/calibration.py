"""What the spread of samples is worth: factors on it, learned where the truth is known.

The spread of a few samples tells where a reconstruction may be wrong, but not by how much: the network is not
a perfect sampler, and a few samples give a rough variance. On fresh specimens the factor is sought by which
the spread must be multiplied for nine in ten true voxels to lie within the central 90 % interval (a conformal
scale, after Vovk, Gammerman and Shafer 2005), by brightness, so that it holds in the foreground and in the
background.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import t as student_t

# Half-width of the central 90 % interval of a normal distribution, in standard deviations.
HALF_WIDTH = 1.6448536269514722
# Standard deviation, relative to the projections' range, below which no voxel is ever known.
FLOOR = 0.002
# Middle brightness of the bins, relative to the projections' range.
LEVELS = (0.005, 0.02, 0.06, 0.15, 0.35, 0.8)
# Samples that the factors are learned with.
SAMPLES = 4


def raw_deviation(squares: np.ndarray, noise: float | np.ndarray) -> np.ndarray:
    """Standard deviation as the samples alone tell it, with the measurement's noise.

    Parameters
    ----------
    squares : ndarray, shape (n, H, W)
        Mean square deviation of the samples from the posterior mean in one slab, unit intensities.
    noise : float or ndarray, shape (H, W)
        Standard deviation of the noise that an exactly agreeing volume takes over from the measurement.

    Returns
    -------
    ndarray, shape (n, H, W)
    """
    # A few samples tell a variance only roughly; its neighbours' are much the same.
    smooth = gaussian_filter(squares, (0, 1, 1), mode="nearest", truncate=2)
    return np.asarray(np.sqrt(smooth + np.square(noise) + FLOOR**2))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Factors on the raw deviation by brightness.

    Attributes
    ----------
    factors : ndarray, shape (len(LEVELS),)
        For `SAMPLES` samples.
    """

    factors: np.ndarray

    def apply(self, deviation: np.ndarray, brightness: np.ndarray, samples: int) -> np.ndarray:
        """The standard deviation whose normal 90 % interval holds nine in ten true voxels.

        Parameters
        ----------
        deviation, brightness : ndarray, same shape
            From `raw_deviation`, and the posterior mean, unit intensities.
        samples : int
            How many samples there are; fewer make wider intervals.
        """
        factor = np.interp(np.maximum(brightness, 0) ** 0.5, np.sqrt(LEVELS), self.factors)
        few = student_t.ppf(0.95, samples) / student_t.ppf(0.95, SAMPLES)
        return np.asarray(deviation * factor * few, dtype=np.float32)

    @classmethod
    def of(cls, stacks: list[tuple[np.ndarray, np.ndarray]]) -> "Calibration":
        """From stacks with known truth, each counting alike.

        Parameters
        ----------
        stacks : list of (brightness, ratio)
            Of some voxels of each stack: the posterior mean, and the absolute error over `raw_deviation`.
        """
        edges = np.sqrt(np.array(LEVELS[:-1]) * np.array(LEVELS[1:]))
        factors = []
        for level in range(len(LEVELS)):
            found = [ratio[np.digitize(brightness, edges) == level] for brightness, ratio in stacks]
            factors.append(_factor([ratio for ratio in found if len(ratio) >= 50]))
        return cls(np.array(factors))

    def header(self) -> dict[str, Any]:
        """JSON-ready form, for a checkpoint's header."""
        return {"levels": list(LEVELS), "factors": [round(float(f), 4) for f in self.factors]}

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> "Calibration | None":
        """The inverse of `header`; None where the brightness bins are not today's."""
        if header.get("levels") != list(LEVELS):
            return None
        return cls(np.asarray(header["factors"], dtype=float))


def _factor(ratios: list[np.ndarray]) -> float:
    """The factor with which the intervals cover 90 % on average over stacks; 1 without any."""
    if not ratios:
        return 1.0
    low, high = 0.05, 20.0
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        covered = float(np.mean([(ratio <= HALF_WIDTH * middle).mean() for ratio in ratios]))
        low, high = (middle, high) if covered < 0.9 else (low, middle)
    return high
