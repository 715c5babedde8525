"""The volume as a reference has it, and how far it is believed."""

from dataclasses import dataclass

import numpy as np

from .registration import Registration

# Of the noise of the reference, what is left in it, roughly.
_NOISE_LEFT = 0.5
# Where a slab has changed, the share of its light that may lie at another depth.
_ELSEWHERE = 0.6


@dataclass(frozen=True, eq=False)
class SharedReference:
    """Light shared out by a reference; grey levels of the projections.

    Attributes
    ----------
    volume : ndarray, shape (N*n, H, W)
        Consistent with the measurement.
    expected : ndarray, shape (N*n, H, W)
        The reference itself, registered and in the projections' brightness.
    noise : ndarray, shape (N*n, H, W)
        Standard deviation of its voxels.
    weight : ndarray, shape (N, H, W)
        How far the volume is believed, 0 to 1.
    changed : ndarray, shape (N, H, W)
        How far the tissue there is another than the reference shows, 0 to 1.
    light : ndarray, shape (N, H, W)
        Of the slabs above the dark level, seen or expected, whichever is more.
    whole_weight : float
        Of the whole stack.
    registration : Registration
    """

    volume: np.ndarray
    expected: np.ndarray
    noise: np.ndarray
    weight: np.ndarray
    changed: np.ndarray
    light: np.ndarray
    whole_weight: float
    registration: Registration

    def blended(self, slices: np.ndarray, slabs: slice, region: tuple[slice, slice]) -> np.ndarray:
        """Slices of some slabs made without the reference, with its part of them.

        Parameters
        ----------
        slices : ndarray, shape (slabs * n, rows, columns)
        slabs : slice
        region : tuple of 2 slices
            The rows and columns.
        """
        n = len(self.volume) // len(self.weight)
        weight = np.repeat(self.weight[slabs, *region], n, axis=0)
        own = self.volume[slabs.start * n : slabs.stop * n, *region]
        return np.asarray(slices + weight * (own - slices), np.float32)

    def deviation(self, volume: np.ndarray) -> np.ndarray:
        """Standard deviation of a final volume (N*n, H, W) for what is unknown of the reference's part."""
        n = len(self.volume) // len(self.weight)
        parts = (self.weight, self.changed, self.light)
        weight, changed, light = (np.repeat(part, n, axis=0) for part in parts)
        elsewhere = changed * np.hypot(self.expected - volume, _ELSEWHERE * light)
        return np.asarray(np.hypot(_NOISE_LEFT * weight * self.noise, elsewhere), np.float32)
