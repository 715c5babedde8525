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
        """Solve for right-hand sides of shape (N, P); a new array."""
        x = np.array(right, dtype=np.result_type(right, self.diagonal))
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
        Floating point; `bands[d, i]` is the entry (i, i + d), equal to (i + d, i); entries beyond the matrix
        are ignored.

    Returns
    -------
    BandedFactor
    """
    width, size, _ = bands.shape
    left = np.array(bands)
    for i in range(size - 1):
        most = min(width, size - i)
        pivot = left[0, i]
        column = left[1:most, i] / pivot
        # What this column leaves to be factored below and right of it.
        for d in range(1, most):
            left[: most - d, i + d] -= column[d - 1 :] * left[d, i]
        left[1:most, i] = column
    return BandedFactor(left[1:], left[0])


def bands_of(matrix: np.ndarray, width: int) -> np.ndarray:
    """Diagonals 0 to `width` of a symmetric matrix, (width + 1, size), float32; zero beyond the matrix."""
    size = len(matrix)
    bands = np.zeros((width + 1, size), np.float32)
    for d in range(min(width + 1, size)):
        bands[d, : size - d] = np.diagonal(matrix, d)
    return bands


def banded_product(bands: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A symmetric banded matrix, as `bands_of` gives it, applied to columns (size, P)."""
    product = bands[0, :, None] * columns
    for d in range(1, len(bands)):
        band = bands[d, : len(columns) - d, None]
        product[:-d] += band * columns[d:]
        product[d:] += band * columns[:-d]
    return np.asarray(product)
