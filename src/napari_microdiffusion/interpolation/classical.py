"""The classical guides: volumes interpolated along z from the projections alone.

Each takes projections of shape (N, H, W), in any intensity unit, and the step length n in slices, and returns
a float32 volume of shape (N*n, H, W) in the same unit. None of them looks sideways: every pixel column is
interpolated on its own. All assume disjoint slabs with a uniform axial profile, so that projection ``i``
belongs to the slab's centre, slice ``i*n + (n - 1)/2``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError, UserError

FloatArray = NDArray[np.float32]
Interpolation = Callable[[NDArray[Any], int], FloatArray]

# Rows worked on at once are chosen so that the temporaries of one slab stay in the processor's cache.
_CHUNK_PIXELS = 1 << 15


def nearest(projections: NDArray[Any], n: int) -> FloatArray:
    """Repeat each projection n times.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Measured projections, N >= 1.
    n : int
        Step length in slices, at least 1.

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        The volume, in the unit of the projections.

    Raises
    ------
    UserError
        If the projections are not a stack, or hold nothing.
    UsageError
        If n is not a whole number of at least 1.
    """
    _check(projections, n)
    return np.repeat(np.asarray(projections, dtype=np.float32), n, axis=0)


def linear(projections: NDArray[Any], n: int) -> FloatArray:
    """Interpolate linearly between slab centres, constant beyond the first and the last of them.

    One projection alone is repeated. Parameters, result and errors are those of `nearest`.
    """
    _check(projections, n)
    count = len(projections)
    volume = np.empty((count * n, *projections.shape[1:]), dtype=np.float32)
    below, fraction = _between_centres(count, n)
    lower_index = -1
    for z in range(count * n):
        if below[z] != lower_index:
            lower_index = int(below[z])
            lower = np.asarray(projections[lower_index], dtype=np.float32)
            rise = np.asarray(projections[min(lower_index + 1, count - 1)], dtype=np.float32) - lower
        np.multiply(rise, np.float32(fraction[z]), out=volume[z])
        volume[z] += lower
    return volume


def cubic(projections: NDArray[Any], n: int) -> FloatArray:
    """Interpolate by a cubic spline through the slab centres, constant beyond the first and the last of them.

    The spline has not-a-knot ends, and is a parabola through three projections, a line through two and a
    constant for one. It can undershoot: dark pixels beside bright ones may come out negative.
    Parameters, result and errors are those of `nearest`.
    """
    _check(projections, n)
    count, height, width = projections.shape
    volume = np.empty((count * n, height, width), dtype=np.float32)
    # A spline is linear in its values, so one small matrix of weights serves every pixel.
    weights = _cubic_weights(count, n).astype(np.float32)
    rows = max(1, _CHUNK_PIXELS // width)
    for top in range(0, height, rows):
        block = np.asarray(projections[:, top : top + rows], dtype=np.float32)
        mixed = weights @ block.reshape(count, -1)
        volume[:, top : top + rows] = mixed.reshape(count * n, *block.shape[1:])
    return volume


def histospline(projections: NDArray[Any], n: int) -> FloatArray:
    """Distribute each projection over its slab by a monotone spline through the cumulative sum along z.

    The mean of each slab is its projection again, and a slab whose projection is not negative has no negative
    slice; neighbours change neither. See `histospline_slab` for the formulas. Parameters, result and errors
    are those of `nearest`.
    """
    _check(projections, n)
    count, height, width = projections.shape
    volume = np.empty((count * n, height, width), dtype=np.float32)
    rows = max(1, _CHUNK_PIXELS // width)
    weights = _hermite_weights(n)
    for top in range(0, height, rows):
        block = np.asarray(projections[:, top : top + rows], dtype=np.float32)
        for index in range(count):
            _fill_slab(block, weights, index, volume[index * n : (index + 1) * n, top : top + rows])
    return volume


def histospline_slab(projections: NDArray[Any], n: int, index: int) -> FloatArray:
    """Return the n slices of one slab of the `histospline`, from its projection and the two beside it.

    Let C be the cumulative sum of the projections times n, known at the slab edges 0, n, 2n, ... The slices
    are the differences, at slice edges, of the piecewise cubic Hermite spline through C. With X_i the
    projections (the secant slopes of C, per slice), the slope d_i at the edge between slabs i-1 and i is zero
    where X_{i-1} and X_i differ in sign or one is zero, else their harmonic mean::

        d_i = 2 X_{i-1} X_i / (X_{i-1} + X_i)

    (F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300-304, for equal spacing; the
    monotonicity region |d| <= 3|X| is from F. N. Fritsch and R. E. Carlson, SIAM J. Numer. Anal. 17 (1980)
    238-246). At the outer edge of the first slab d_0 = (3 X_0 - X_1) / 2, set to zero where its sign differs
    from that of X_0, and to 3 X_0 where X_0 and X_1 differ in sign and |d_0| > 3|X_0| (C. Moler, Numerical
    Computing with MATLAB, SIAM 2004, section 3.6); the last slab likewise. Slice k of slab i is then::

        m_k = X_i + a_k (d_i - X_i) + b_k (d_{i+1} - X_i)

    where a_k and b_k are n times the increments of the Hermite polynomials t^3 - 2t^2 + t and t^3 - t^2 from
    t = k/n to (k+1)/n. Both sum to zero over the slab, which is why its mean is X_i exactly.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        All projections; only `index` - 1 to `index` + 1 are read.
    n : int
        Step length in slices, at least 1.
    index : int
        Which slab, 0 to N - 1.

    Returns
    -------
    ndarray, shape (n, H, W), float32
        The slices of that slab, in the unit of the projections.

    Raises
    ------
    UserError
        If the projections are not a stack, or hold nothing.
    UsageError
        If n is not a whole number of at least 1, or there is no slab `index`.
    """
    _check(projections, n)
    count, height, width = projections.shape
    if not 0 <= index < count:
        raise UsageError(f"slab {index} does not exist: {count} projections make slabs 0 to {count - 1}.")
    first = max(0, index - 1)
    window = np.asarray(projections[first : index + 2], dtype=np.float32)
    slab = np.empty((n, height, width), dtype=np.float32)
    _fill_slab(window, _hermite_weights(n), index - first, slab)
    return slab


INTERPOLATIONS: dict[str, Interpolation] = {
    "nearest": nearest,
    "linear": linear,
    "cubic": cubic,
    "histospline": histospline,
}


def _check(projections: NDArray[Any], n: int) -> None:
    if projections.ndim != 3 or 0 in projections.shape:
        raise UserError(
            f"projections must be a stack of images, (N, height, width), not of shape {projections.shape}."
        )
    if isinstance(n, bool) or n != int(n) or n < 1:
        raise UsageError(f"the step length must be a whole number of slices of at least 1, not {n!r}.")


def _between_centres(count: int, n: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For every slice, the slab whose centre lies at or below it, and how far it is to the next (0 to 1)."""
    position = np.clip((np.arange(count * n) - (n - 1) / 2) / n, 0, count - 1)
    below = np.minimum(position.astype(np.intp), max(count - 2, 0))
    return below, position - below


def _cubic_weights(count: int, n: int) -> NDArray[np.float64]:
    """Weight of every projection in every slice, shape (N*n, N)."""
    if count == 1:
        return np.ones((n, 1))
    from scipy.interpolate import CubicSpline

    centres = np.arange(count) * n + (n - 1) / 2
    spline = CubicSpline(centres, np.eye(count), axis=0)
    weights: NDArray[np.float64] = spline(np.clip(np.arange(count * n), centres[0], centres[-1]))
    return weights


def _hermite_weights(n: int) -> tuple[FloatArray, FloatArray]:
    """The weights a_k and b_k of `histospline_slab`, each of shape (n,)."""
    t = np.arange(n + 1) / n
    rising = n * np.diff(t**3 - 2 * t**2 + t)
    falling = n * np.diff(t**3 - t**2)
    return rising.astype(np.float32), falling.astype(np.float32)


def _fill_slab(
    projections: FloatArray, weights: tuple[FloatArray, FloatArray], index: int, slab: FloatArray
) -> None:
    """Write the slices of slab `index` into `slab`; see `histospline_slab`."""
    own = projections[index]
    last = len(projections) - 1
    if last == 0:
        slab[:] = own
        return
    lower = _inner_slope(projections[index - 1], own) if index > 0 else _outer_slope(own, projections[1])
    upper = _inner_slope(own, projections[index + 1]) if index < last else _outer_slope(own, projections[-2])
    lower -= own
    upper -= own
    # The spline is monotone, so only rounding can carry a slice below zero; this removes that.
    floor = np.where(own >= 0, np.float32(0), np.float32(-np.inf))
    term = np.empty_like(own)
    for k, (rising, falling) in enumerate(zip(*weights, strict=True)):
        part = slab[k]
        np.multiply(lower, rising, out=part)
        np.multiply(upper, falling, out=term)
        part += term
        part += own
        np.maximum(part, floor, out=part)


def _inner_slope(before: FloatArray, after: FloatArray) -> FloatArray:
    total = before + after
    same_sign = ((before > 0) & (after > 0)) | ((before < 0) & (after < 0))
    # before * (after / total) rather than (before * after) / total: products of tiny values underflow.
    ratio = np.divide(after, total, out=np.zeros_like(total), where=same_sign)
    ratio *= before
    ratio *= 2
    return ratio


def _outer_slope(edge: FloatArray, inner: FloatArray) -> FloatArray:
    slope = np.float32(1.5) * edge - np.float32(0.5) * inner
    slope[np.sign(slope) != np.sign(edge)] = 0
    steep = (np.sign(edge) != np.sign(inner)) & (np.abs(slope) > 3 * np.abs(edge))
    slope[steep] = 3 * edge[steep]
    return slope
