"""The one intensity scale that truth and reconstructions share, and the foreground on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

Volume = NDArray[Any]
ByteVolume = NDArray[np.uint8]

_LOW_PERCENTILE, _HIGH_PERCENTILE = 0.5, 99.9


@dataclass(frozen=True)
class IntensityRange:
    """The intensities of the ground truth that become 0 and 255."""

    low: float
    high: float

    @classmethod
    def of(cls, truth: Volume) -> IntensityRange:
        """Take the 0.5 to 99.9 percentiles; in a truth sparser than that, the whole range.

        Raises
        ------
        UserError
            If the truth holds one value only, or values that are not finite.
        """
        # The sum is finite just where every value is.
        if not np.isfinite(truth.sum(dtype=np.float64)):
            raise UserError("the ground truth holds values that are not finite; it should hold intensities.")
        low, high = (float(v) for v in np.percentile(truth, [_LOW_PERCENTILE, _HIGH_PERCENTILE]))
        if low == high:
            low, high = float(truth.min()), float(truth.max())
        if low == high:
            raise UserError(f"every voxel of the ground truth is {low:g}: there is nothing to compare with.")
        return cls(low, high)

    @property
    def span(self) -> float:
        """Width of the range, in the unit of the truth."""
        return self.high - self.low

    def to_bytes(self, volume: Volume) -> ByteVolume:
        """Map to 0..255, clipped and rounded, slice by slice so that no second volume of floats exists."""
        mapped = np.empty(volume.shape, dtype=np.uint8)
        for z, image in enumerate(volume):
            scaled = (np.asarray(image, dtype=np.float64) - self.low) / self.span
            mapped[z] = (np.clip(scaled, 0, 1) * 255).round()
        return mapped

    def clip(self, volume: Volume) -> NDArray[np.float64]:
        """Clip to the range, in the unit of the truth."""
        return np.clip(np.asarray(volume, dtype=np.float64), self.low, self.high)


def otsu(image: NDArray[np.uint8]) -> int:
    """Otsu's threshold of 8-bit values; 255, above which nothing lies, where all are the same.

    Formula: N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62-66.

    Parameters
    ----------
    image : ndarray of uint8, any shape
        Intensities mapped to 0..255.

    Returns
    -------
    int
        0 to 255; foreground is what lies above it.
    """
    if image.min() == image.max():
        return 255
    from skimage.filters import threshold_otsu

    return int(threshold_otsu(image))


def foreground(truth: Volume) -> NDArray[np.bool_]:
    """Foreground of a ground truth: above Otsu's threshold of its 8-bit map, as `compare` has it.

    Parameters
    ----------
    truth : ndarray, shape (Z, H, W)
        Ground truth in any unit.

    Returns
    -------
    ndarray of bool, shape (Z, H, W)
        True in the foreground.
    """
    mapped = IntensityRange.of(truth).to_bytes(truth)
    return mapped > otsu(mapped)
