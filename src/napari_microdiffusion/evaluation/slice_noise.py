"""Noise of a point-scanned volume's own slices: no reconstruction can agree with it better than that."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UserError

# Voxels are grouped by brightness, as many in each group.
_GROUPS = 24
# The differences that are looked at: the smallest quarter, so that where up to half of them are structure
# the noise is hardly overestimated. Of a normal distribution they lie within this many standard deviations.
_SMALLEST, _WITHIN = 0.25, 0.31863936396437515
# Of a second difference of three slices with independent noise.
_GROWTH = 6**0.5
_SAMPLED_VOXELS = 4_000_000


def slice_noise(volume: ArrayLike) -> float:
    """A lower bound of the RMS noise of single slices, in the volume's unit.

    Second differences along z hold the noise of three slices and whatever bends; of voxels of like brightness
    the smallest quarter is taken for noise alone. Noise that neighbouring slices share is not seen.

    Parameters
    ----------
    volume : array_like, shape (Z, H, W)
        At least three slices.

    Raises
    ------
    UserError
        If there are fewer than three slices.
    """
    v = np.asarray(volume, dtype=np.float32)
    if len(v) < 3:
        raise UserError(f"the noise of slices needs at least 3 of them, not {len(v)}.")
    step = max(1, round((v.size / _SAMPLED_VOXELS) ** 0.5))
    v = v[:, ::step, ::step]
    second = np.abs(v[:-2] - 2 * v[1:-1] + v[2:]).ravel()
    order = np.argsort((v[:-2] + v[1:-1] + v[2:]).ravel(), kind="stable")
    variances, voxels = 0.0, 0
    for group in np.array_split(order, _GROUPS):
        if len(group):
            deviation = np.quantile(second[group], _SMALLEST) / (_WITHIN * _GROWTH)
            variances, voxels = variances + float(deviation) ** 2 * len(group), voxels + len(group)
    return float(np.sqrt(variances / voxels))


def slice_noise_ceiling(volume: ArrayLike, step_length: int, span: float) -> tuple[float, float]:
    """PSNR in dB and null-space R² that the volume without its noise would have, compared with it as it is.

    Parameters
    ----------
    volume : array_like, shape (N*n, H, W)
    step_length : int
        n.
    span : float
        The range that PSNR refers to.

    Returns
    -------
    psnr, null_space_r2 : float
        Infinite and 1 without noise.
    """
    v, variance = np.asarray(volume, dtype=np.float32), slice_noise(volume) ** 2
    slabs = v.reshape(-1, step_length, *v.shape[1:])
    hidden = float(np.square(slabs - slabs.mean(1, keepdims=True)).mean())
    if variance == 0:
        return float("inf"), 1.0
    return 10 * float(np.log10(span**2 / variance)), 1 - variance * (1 - 1 / step_length) / hidden
