"""Coherence along structures: the one regulariser of the fit that looks sideways.

Fibres, vessels and surfaces are smooth along themselves and sharp across. How the log intensity varies around
a voxel is the local covariance J of its gradient (the structure tensor: J. Bigün and G. Granlund, ICCV 1987).
Measuring every gradient g by that covariance,

    energy = sum over voxels of g^T (J + floor)^-1 g,

costs little across a structure, where J is large, and much along it, so that a tube which leaves a slab
obliquely is carried on into the next one, and noise in flat regions is smoothed on all sides. It is the
quadratic form of tensor-driven diffusion (J. Weickert, Anisotropic Diffusion in Image Processing, 1998) with
the inverse as the diffusivity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

# Squared change of log intensity per voxel that counts as flat.
FLOOR = 3e-4
# Standard deviations, in voxels, of the smoothing before differences and of their products; each is cut off
# at two of them.
DIFFERENCE_SCALE = 1.0
INTEGRATION_SCALE = 1.5
# Voxels around a block on which its metric depends.
MARGIN = 6


def gradient_metric(log_intensity: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """The matrices floor * (J + floor)^-1, as their six entries zz, yy, xx, zy, zx, yx.

    Parameters
    ----------
    log_intensity : ndarray, shape (Z, H, W)

    Returns
    -------
    ndarray, shape (6, Z, H, W), float16
        Diagonal entries within 0 to 1: 1 where flat, small across an edge.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(log_intensity, DIFFERENCE_SCALE, truncate=2, mode="nearest")
    slopes = [_difference(smooth, axis) for axis in range(3)]
    zz, yy, xx, zy, zx, yx = (
        gaussian_filter(slopes[i] * slopes[j], INTEGRATION_SCALE, truncate=2, mode="nearest")
        for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    )
    for diagonal in (zz, yy, xx):
        diagonal += np.float32(FLOOR)
    # The inverse of a symmetric matrix: its cofactors over its determinant.
    cofactors = np.stack(
        [
            yy * xx - yx * yx,
            zz * xx - zx * zx,
            zz * yy - zy * zy,
            zx * yx - zy * xx,
            zy * yx - zx * yy,
            zy * zx - zz * yx,
        ]
    )
    determinant = zz * cofactors[0] + zy * cofactors[3] + zx * cofactors[4]
    cofactors *= np.float32(FLOOR) / determinant
    return cofactors.astype(np.float16)


def coherence_energy(log_intensity: Tensor, metric: Tensor) -> Tensor:
    """The sum of g^T (J + floor)^-1 g over the voxels that have neighbours on all sides.

    Parameters
    ----------
    log_intensity : Tensor, shape (Z, H, W)
    metric : Tensor, shape (6, Z, H, W)
        From `gradient_metric`.
    """
    u, inner = log_intensity, slice(1, -1)
    z = (u[2:, inner, inner] - u[:-2, inner, inner]) / 2
    y = (u[inner, 2:, inner] - u[inner, :-2, inner]) / 2
    x = (u[inner, inner, 2:] - u[inner, inner, :-2]) / 2
    zz, yy, xx, zy, zx, yx = metric[:, inner, inner, inner].float()
    form = z * (zz * z + 2 * (zy * y + zx * x)) + y * (yy * y + 2 * yx * x) + xx * x * x
    return form.sum() / FLOOR


def _difference(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Central differences, one-sided at the ends; zero along an axis of one voxel."""
    if values.shape[axis] < 2:
        return np.zeros_like(values)
    return np.asarray(np.gradient(values, axis=axis), np.float32)
