"""Whether a stated uncertainty is true: coverage of intervals and the continuous ranked probability score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

Array = NDArray[Any]
Interval = tuple[Array, Array]

FOREGROUND = 0.1
"""Voxels dimmer than this share of the brightest are background: relative uncertainty says nothing there."""

_SAMPLED_VOXELS = 4_000_000

# Half-widths, in standard deviations, of a normal distribution's central intervals, by percent.
_NORMAL_HALF_WIDTH = {50: 0.6744897501960817, 90: 1.6448536269514722}


def normal_intervals(mean: Array, deviation: Array) -> dict[int, Interval]:
    """Central 50 and 90 % intervals of a normal distribution of the given mean and standard deviation.

    Parameters
    ----------
    mean, deviation : ndarray, same shape
        Mean and standard deviation a voxel, in the same unit.

    Returns
    -------
    dict
        Lower and upper bound by percent.
    """
    return {
        percent: (np.asarray(mean - width * deviation), np.asarray(mean + width * deviation))
        for percent, width in _NORMAL_HALF_WIDTH.items()
    }


def coverage(
    truth: Array, intervals: Mapping[int, Interval], foreground: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Share of voxels whose truth lies within its interval, bounds included, foreground and background apart.

    Parameters
    ----------
    truth : ndarray, shape (Z, H, W)
        Ground truth.
    intervals : mapping
        Lower and upper bound, each of the shape of the truth, by the percentage the interval claims; see
        `normal_intervals`.
    foreground : ndarray of bool, shape (Z, H, W)
        See `structure.foreground`.

    Returns
    -------
    dict
        ``coverage_50_foreground``, ``coverage_50_background`` and so on, 0 to 1; None where no voxel counts.

    Raises
    ------
    UserError
        If shapes differ.
    """
    result: dict[str, float | None] = {}
    for percent, (lower, upper) in intervals.items():
        _check_same_shape(truth, lower, upper, foreground)
        within = (truth >= lower) & (truth <= upper)
        for name, mask in (("foreground", foreground), ("background", ~foreground)):
            result[f"coverage_{percent}_{name}"] = float(within[mask].mean()) if mask.any() else None
    return result


def crps(samples: Array, truth: Array, mask: NDArray[np.bool_] | None = None) -> float:
    """Continuous ranked probability score of samples, mean over voxels; lower is better, 0 perfect.

    The fair estimate from K samples x_j of the truth y (C. A. T. Ferro, Q. J. R. Meteorol. Soc. 140 (2014)
    1917-1923), which a small K does not bias::

        Σ_j |x_j - y| / K  -  Σ_{j<l} |x_j - x_l| / (K (K - 1))

    Parameters
    ----------
    samples : ndarray, shape (K, Z, H, W)
        At least two samples, in the unit of the truth.
    truth : ndarray, shape (Z, H, W)
        Ground truth.
    mask : ndarray of bool, shape (Z, H, W), optional
        Voxels that count; all by default.

    Returns
    -------
    float
        In the unit of the truth.

    Raises
    ------
    UserError
        If there are fewer than two samples, shapes differ or no voxel counts.
    """
    count = len(samples)
    if count < 2:
        raise UserError(f"the ranked probability score needs at least 2 samples, not {count}.")
    _check_same_shape(truth, samples[0], *(() if mask is None else (mask,)))
    # Sorted, the sum over pairs is a weighted sum: each sample is above j others and below K - 1 - j.
    weights = 2 * np.arange(count, dtype=np.float64) - (count - 1)
    total, voxels = 0.0, 0
    for z in range(len(truth)):
        chosen = np.ones(truth.shape[1:], dtype=bool) if mask is None else mask[z]
        drawn = np.sort(np.asarray(samples[:, z], dtype=np.float64)[:, chosen], axis=0)
        value = np.asarray(truth[z], dtype=np.float64)[chosen]
        total += float(np.abs(drawn - value).sum()) / count
        total -= float((weights @ drawn).sum()) / (count * (count - 1))
        voxels += int(chosen.sum())
    if not voxels:
        raise UserError("the mask of the ranked probability score is empty; it should hold voxels.")
    return total / voxels


def _check_same_shape(*arrays: Array) -> None:
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        named = " and ".join(sorted("×".join(map(str, s)) for s in shapes))
        raise UserError(f"volumes of shapes {named} cannot be compared voxel by voxel; they must be equal.")


def median_relative(volume: Array, spread: Array) -> float | None:
    """Median of uncertainty / intensity where there is something to see; None where there is nothing.

    Parameters
    ----------
    volume, spread : ndarray, shape (Z, H, W)
        A volume and its uncertainty; of large ones some voxels, from everywhere. NaN does not count.
    """
    step = max(1, round((volume.size / _SAMPLED_VOXELS) ** 0.5))
    known = np.isfinite(volume := volume[:, ::step, ::step])
    volume, spread = volume[known], spread[:, ::step, ::step][known]
    low, high = np.percentile(volume, (1, 99.9))
    seen = volume - low > FOREGROUND * (high - low)
    return float(np.median(spread[seen] / (volume[seen] - low))) if seen.any() else None
