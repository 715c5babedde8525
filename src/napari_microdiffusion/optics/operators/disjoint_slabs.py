"""The projection operator of disjoint slabs, its exact inverse and the split into range and null space."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class ProjectionOperator:
    """X_i = sum_k w_k m_k^i, for slabs of n slices that tile the volume (paper, Sec. 3, with any profile).

    The methods take NumPy arrays or torch tensors of a floating type and return the same kind.

    Parameters
    ----------
    profile : array_like, shape (n,)
        Axial weights w, non-negative, sum 1.

    Notes
    -----
    Names follow the field: A is `project`, its transpose `adjoint`, its Moore-Penrose inverse
    `pseudo_inverse`. Since A A^T = |w|^2 I, the inverse is A^T / |w|^2 and needs no solve.
    """

    def __init__(self, profile: ArrayLike) -> None:
        weights = np.asarray(profile, dtype=np.float64)
        if weights.ndim != 1 or len(weights) < 1 or (weights < 0).any() or not np.isclose(weights.sum(), 1):
            raise ValueError("an axial profile is a 1-D array of non-negative weights that sum to 1")
        self.profile = weights
        self.step_length = len(weights)
        self.squared_norm = float(weights @ weights)

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal basis B, shape (n, n): row 0 is w/|w|, the others are the cosine orders.

        For the uniform profile B is the DCT-II matrix; otherwise the QR factor of [w, cosine rows], which
        keeps row 0 along w and changes the cosines as little as orthogonality allows.
        """
        n = self.step_length
        k, j = np.arange(n), np.arange(n)[:, None]
        cosines = np.cos(np.pi * (k + 0.5) * j / n) * np.sqrt(np.where(j == 0, 1, 2) / n)
        rows = cosines.copy()
        rows[0] = self.profile / np.sqrt(self.squared_norm)
        q, r = np.linalg.qr(rows.T)
        # QR leaves the sign of each column open; each order keeps that of its cosine.
        return np.asarray((q * np.sign(np.diag(r))).T)

    def _like(self, values: np.ndarray, array: Any) -> Any:
        """`values` as the kind, type and device of `array`."""
        if isinstance(array, np.ndarray):
            return values.astype(array.dtype)
        return array.new_tensor(values)

    def _slabs(self, volume: Any) -> Any:
        depth, n = volume.shape[0], self.step_length
        if depth % n:
            raise ValueError(f"{depth} slices are not a whole number of slabs of {n}")
        return volume.reshape(depth // n, n, *volume.shape[1:])

    def _weights(self, array: Any) -> Any:
        return self._like(self.profile, array).reshape(1, -1, *(1,) * (len(array.shape) - 1))

    def project(self, volume: Any) -> Any:
        """A m: volume (N*n, ...) to projections (N, ...)."""
        slabs = self._slabs(volume)
        return (slabs * self._weights(volume)).sum(1)

    def adjoint(self, projections: Any) -> Any:
        """A^T X: projections (N, ...) to a volume (N*n, ...)."""
        spread = projections[:, None] * self._weights(projections)
        return spread.reshape(-1, *projections.shape[1:])

    def pseudo_inverse(self, projections: Any) -> Any:
        """A^+ X, the smallest volume that re-projects onto X exactly."""
        return self.adjoint(projections) / self.squared_norm

    def null_space(self, volume: Any) -> Any:
        """P m = m - A^+ A m, the part of a volume that no projection sees."""
        return volume - self.pseudo_inverse(self.project(volume))

    def to_orders(self, volume: Any) -> Any:
        """Cosine orders of each slab: volume (N*n, ...) to coefficients (n, N, ...).

        Order 0 is X/|w|, which is measured; orders 1 to n-1 span the null space.
        """
        slabs = self._slabs(volume)
        return _matrix_product(self._like(self.basis, volume), slabs.swapaxes(0, 1))

    def from_orders(self, orders: Any) -> Any:
        """The volume (N*n, ...) with the given cosine orders (n, N, ...); the inverse of `to_orders`."""
        slabs = _matrix_product(self._like(self.basis.T, orders), orders)
        return slabs.swapaxes(0, 1).reshape(-1, *orders.shape[2:])


def _matrix_product(matrix: Any, stack: Any) -> Any:
    """Matrix (a, b) times stack (b, ...) along the first axis."""
    if isinstance(stack, np.ndarray):
        # As quick as a matrix product, which in its last digit depends on how many threads share it.
        return np.einsum("ab,b...->a...", matrix, stack)
    return (matrix @ stack.reshape(stack.shape[0], -1)).reshape(matrix.shape[0], *stack.shape[1:])
