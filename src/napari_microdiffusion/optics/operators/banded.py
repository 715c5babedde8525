"""Symmetric positive definite banded systems, many at once: one for every pixel, or one shared by all.

Libraries factor one matrix at a time; here the slabs are few and the pixels many, so the loops run over slabs
and bands and NumPy runs over the pixels.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BandedFactor:
    """L D L^T of banded matrices; `lower` (b, N, P) below the diagonal, `diagonal` (N, P); P may be 1."""

    lower: np.ndarray
    diagonal: np.ndarray

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solve for right-hand sides of shape (N, P); a new float64 array."""
        x = np.array(right, dtype=np.float64)
        bands, size = self.lower.shape[:2]
        for i in range(size):
            for d in range(1, min(bands, i) + 1):
                x[i] -= self.lower[d - 1, i - d] * x[i - d]
        x /= self.diagonal
        for i in range(size - 1, -1, -1):
            for d in range(1, min(bands, size - 1 - i) + 1):
                x[i] -= self.lower[d - 1, i] * x[i + d]
        return x


def factor_banded(bands: np.ndarray) -> BandedFactor:
    """Factor symmetric banded matrices without pivoting.

    Parameters
    ----------
    bands : ndarray, shape (b + 1, N, P)
        `bands[d, i]` is the entry (i, i + d), equal to (i + d, i); entries beyond the matrix are ignored.

    Returns
    -------
    BandedFactor
    """
    width, size, _ = bands.shape
    lower = np.zeros((width - 1, *bands.shape[1:]))
    diagonal = np.array(bands[0], dtype=np.float64)
    for i in range(size):
        for d in range(1, min(width - 1, size - 1 - i) + 1):
            entry = np.array(bands[d, i], dtype=np.float64)
            # What earlier columns have in both rows i and i + d.
            for e in range(1, min(width - 1 - d, i) + 1):
                entry -= lower[e - 1, i - e] * lower[e + d - 1, i - e] * diagonal[i - e]
            lower[d - 1, i] = entry / diagonal[i]
            diagonal[i + d] -= lower[d - 1, i] ** 2 * diagonal[i]
    return BandedFactor(lower, diagonal)
