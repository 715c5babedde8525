"""How a stack is deformed beyond its pose: local shifts that change smoothly from place to place."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Nodes that a place's shift comes from, along an axis.
_NEIGHBOURS = 4


@dataclass(frozen=True, eq=False)
class Deformation:
    """Local shifts, a cubic B-spline on a coarse grid of nodes.

    Attributes
    ----------
    nodes : ndarray, shape (3, Nz, Ny, Nx)
        Coefficients of the shifts (z, y, x) in voxels of the volume.
    shape : tuple of 3 ints
        Of the volume (Z, H, W).
    """

    nodes: np.ndarray
    shape: tuple[int, int, int]

    def shifts(self, slices: slice = slice(None)) -> np.ndarray:
        """The shift of every voxel of some slices, shape (3, slices, H, W), float32.

        What the pose puts at a voxel lies that much further on.
        """
        z, y, x = self._spread
        return spread_out(self.nodes, (z[slices], y, x))

    @property
    def largest(self) -> tuple[float, float]:
        """The largest shift in z, and across it: in slices and in pixels."""
        z, y, x = spread_out(self.nodes, self._spread_coarsely)
        return float(np.abs(z).max()), float(np.hypot(y, x).max())

    @cached_property
    def _spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._at(self.shape)

    @property
    def _spread_coarsely(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # The spline hardly changes between a quarter of the nodes' distance.
        counts = (min(size, 4 * nodes) for size, nodes in zip(self.shape, self.nodes.shape[1:], strict=True))
        z, y, x = counts
        return self._at((z, y, x))

    def _at(self, counts: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, y, x = (spline_weights(count, n) for count, n in zip(counts, self.nodes.shape[1:], strict=True))
        return z, y, x


def spline_weights(places: int, nodes: int) -> np.ndarray:
    """Weights of nodes at places evenly spread over the same extent, shape (places, nodes).

    Every row sums to 1; beyond the outermost nodes theirs counts on.
    """
    at = (np.arange(places) + 0.5) / places * nodes - 0.5
    first = np.floor(at).astype(int) - 1
    weights = np.zeros((places, nodes), np.float32)
    for k in range(_NEIGHBOURS):
        distance = np.abs(at - (first + k))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = np.maximum(2 - distance, 0) ** 3 / 6
        own = np.where(distance < 1, near, far)
        np.add.at(weights, (np.arange(places), np.clip(first + k, 0, nodes - 1)), own.astype(np.float32))
    return weights


def spread_out(nodes: np.ndarray, weights: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Values (..., Nz, Ny, Nx) of nodes as those of places (..., Z, H, W)."""
    z, y, x = weights
    return np.asarray(y @ np.moveaxis(np.moveaxis(nodes @ x.T, -3, -1) @ z.T, -1, -3), np.float32)


def gathered(values: np.ndarray, weights: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The transpose of `spread_out`: values of places (..., Z, H, W) summed at the nodes."""
    z, y, x = weights
    return np.asarray(np.moveaxis(np.moveaxis(y.T @ (values @ x), -3, -1) @ z, -1, -3), np.float32)
