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
    largest : tuple of 2 floats
        The largest shift in z, and across it, of what projections tell of: in slices and in pixels.
    """

    nodes: np.ndarray
    shape: tuple[int, int, int]
    largest: tuple[float, float] = (0.0, 0.0)

    def shifts(self, slices: slice = slice(None)) -> np.ndarray:
        """The shift of every voxel of some slices, shape (3, slices, H, W), float32.

        What the pose puts at a voxel lies that much further on.
        """
        z, y, x = self._spread
        return spread_out(self.nodes, (z[slices], y, x))

    @cached_property
    def _spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, y, x = (spline_weights(size, n) for size, n in zip(self.shape, self.nodes.shape[1:], strict=True))
        return z, y, x


def spline_weights(places: int, nodes: int) -> np.ndarray:
    """Weights of nodes at places evenly spread between the first and the last, shape (places, nodes).

    Every row sums to 1; beyond the outermost nodes the spline goes on straight, so that shifts that grow
    evenly from edge to edge are met exactly.
    """
    at = (np.arange(places) + 0.5) / places * (nodes - 1)
    first = np.floor(at).astype(int) - 1
    weights = np.zeros((places, nodes + 2))
    for k in range(_NEIGHBOURS):
        distance = np.abs(at - (first + k))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = np.maximum(2 - distance, 0) ** 3 / 6
        # One node more at either end.
        weights[np.arange(places), first + k + 1] += np.where(distance < 1, near, far)
    found = weights[:, 1:-1]
    for outer, edge, inner in ((0, 0, 1), (-1, -1, -2)):
        found[:, edge] += 2 * weights[:, outer]
        found[:, inner] -= weights[:, outer]
    return found.astype(np.float32)


def spread_out(nodes: np.ndarray, weights: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Values (..., Nz, Ny, Nx) of nodes as those of places (..., Z, H, W)."""
    z, y, x = weights
    return np.asarray(y @ np.moveaxis(np.moveaxis(nodes @ x.T, -3, -1) @ z.T, -1, -3), np.float32)


def gathered(values: np.ndarray, weights: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The transpose of `spread_out`: values of places (..., Z, H, W) summed at the nodes."""
    z, y, x = weights
    return np.asarray(np.moveaxis(np.moveaxis(y.T @ (values @ x), -3, -1) @ z, -1, -3), np.float32)
