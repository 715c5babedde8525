"""Figures of structure in depth: where along z it lies, and whether slabs show at their borders."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..optics import ProjectionOperator
from .intensity import Volume, otsu


def axial_centroid_errors(
    reconstruction: Volume,
    truth: Volume,
    operator: ProjectionOperator,
    low: float,
    high: float,
) -> NDArray[np.float32]:
    """How far, in slices, the reconstruction misplaces structures within their slab.

    For slices k = 0..n-1 of one slab and one pixel column, with v_k the intensities clipped to [low, high]
    less low, the axial centroid is c = Σ k v_k / Σ v_k; where all v_k are zero it is the slab's centre,
    (n - 1)/2. The error is |c(reconstruction) - c(truth)|. It is taken where there is structure in the slab:
    where the truth's projection, clipped and mapped to 0..255 like the volumes, exceeds Otsu's threshold of
    all such projections.

    Parameters
    ----------
    reconstruction, truth : ndarray, shape (N*n, H, W)
        Volumes in the same unit.
    operator : ProjectionOperator
        The projection, of step length n.
    low, high : float
        Intensity range of the truth.

    Returns
    -------
    ndarray of float32, shape (M,)
        One error for each of M columns with structure, 0 to n - 1.
    """
    n = operator.step_length
    position = np.arange(n, dtype=np.float32)[:, None, None]
    projections, errors = [], []
    for start in range(0, len(truth), n):
        centroids = []
        for volume in (reconstruction, truth):
            slab = np.asarray(volume[start : start + n], dtype=np.float32).clip(low, high) - np.float32(low)
            total = slab.sum(0)
            centre = np.full_like(total, (n - 1) / 2)
            centroids.append(np.divide((position * slab).sum(0), total, out=centre, where=total > 0))
        # The truth came last, so `slab` is its; its projection decides where there is structure.
        projections.append((operator.project(slab) * (255 / (high - low))).round().astype(np.uint8))
        errors.append(np.abs(centroids[0] - centroids[1]))
    mapped = np.concatenate(projections)
    return np.stack(errors)[mapped > otsu(mapped)]


def border_inner_step_ratio(volume: Volume, n: int) -> float | None:
    """Mean absolute step between adjacent slices across slab borders, over that within slabs.

    About 1 where slabs join seamlessly; above it where they tear at their borders.

    Parameters
    ----------
    volume : ndarray, shape (N*n, H, W)
        Any volume.
    n : int
        Step length in slices.

    Returns
    -------
    float or None
        None where there is no border, or no step within slabs.
    """
    steps = np.array(
        [
            np.abs(upper.astype(np.float32) - lower.astype(np.float32)).mean(dtype=np.float64)
            for lower, upper in pairwise(volume)
        ]
    )
    at_border = np.arange(1, len(volume)) % n == 0
    if not at_border.any() or at_border.all():
        return None
    inner = float(steps[~at_border].mean())
    return float(steps[at_border].mean()) / inner if inner > 0 else None
