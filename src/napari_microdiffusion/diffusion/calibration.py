"""What the spread of samples is worth: factors on it, learned where the truth is known.

The spread of a few samples tells where a reconstruction may be wrong, but not by how much: the network is not
a perfect sampler, and a few samples give a rough variance. On fresh specimens the factor is sought by which
the spread must be multiplied for nine in ten true voxels to lie within the central 90 % interval (a conformal
scale, after Vovk, Gammerman and Shafer 2005), by brightness, so that it holds in the foreground and in the
background. Noise that an exactly agreeing volume takes over from the measurement is known and is not scaled.
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


def sample_spread(squares: np.ndarray) -> np.ndarray:
    """Standard deviation as the samples alone tell it.

    Parameters
    ----------
    squares : ndarray, shape (n, H, W)
        Mean square deviation of the samples from the posterior mean in one slab.

    Returns
    -------
    ndarray, shape (n, H, W)
    """
    # A few samples tell a variance only roughly; its neighbours' are much the same.
    return np.asarray(np.sqrt(gaussian_filter(squares, (0, 1, 1), mode="nearest", truncate=2)))


def combined(spread: np.ndarray, noise: float | np.ndarray) -> np.ndarray:
    """Spread and known noise, both in unit intensities, as one standard deviation above the floor."""
    return np.asarray(np.sqrt(np.square(spread) + np.square(noise) + FLOOR**2))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Factors on the samples' spread by brightness.

    Attributes
    ----------
    factors : ndarray, shape (len(LEVELS),)
        For `SAMPLES` samples.
    """

    factors: np.ndarray

    def apply(self, spread: np.ndarray, brightness: np.ndarray, samples: int) -> np.ndarray:
        """The spread that, combined with the noise, makes nine in ten true voxels lie in the 90 % interval.

        Parameters
        ----------
        spread, brightness : ndarray, same shape
            From `sample_spread`, and the posterior mean, unit intensities.
        samples : int
            How many samples there are; fewer make wider intervals.
        """
        factor = np.interp(np.maximum(brightness, 0) ** 0.5, np.sqrt(LEVELS), self.factors)
        few = student_t.ppf(0.95, samples) / student_t.ppf(0.95, SAMPLES)
        return np.asarray(spread * factor * few)

    @classmethod
    def of(cls, stacks: list["Outcome"]) -> "Calibration":
        """From stacks with known truth, each counting alike."""
        edges = np.sqrt(np.array(LEVELS[:-1]) * np.array(LEVELS[1:]))
        factors = []
        for level in range(len(LEVELS)):
            found = [stack.where(np.digitize(stack.brightness, edges) == level) for stack in stacks]
            factors.append(_factor([stack for stack in found if len(stack.error) >= 50]))
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


@dataclass(frozen=True, eq=False)
class Outcome:
    """Some voxels of one reconstruction whose truth is known, unit intensities, each shape (count,)."""

    brightness: np.ndarray
    """The posterior mean."""
    error: np.ndarray
    """Its absolute error."""
    spread: np.ndarray
    """From `sample_spread`."""
    noise: float
    """Standard deviation of the noise taken over from the measurement."""

    def where(self, chosen: np.ndarray) -> "Outcome":
        """The chosen voxels alone."""
        return Outcome(self.brightness[chosen], self.error[chosen], self.spread[chosen], self.noise)

    def covered(self, factor: float) -> float:
        """Share of voxels within the 90 % interval when the spread is multiplied by `factor`."""
        return float((self.error <= HALF_WIDTH * combined(factor * self.spread, self.noise)).mean())


def _factor(stacks: list[Outcome]) -> float:
    """The factor with which the intervals cover 90 % on average over stacks; 1 without any."""
    if not stacks:
        return 1.0
    low, high = 0.05, 20.0
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        covered = float(np.mean([stack.covered(middle) for stack in stacks]))
        low, high = (middle, high) if covered < 0.9 else (low, middle)
    return high
