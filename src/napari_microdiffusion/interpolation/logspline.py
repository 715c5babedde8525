"""The log-spline guide: the volume with the smoothest log intensity that agrees with the projections.

Fluorescence varies by factors rather than by differences: a structure that leaves a slab fades, it does not
go negative. Of all volumes that agree with the projections within their noise, this takes the one whose log
intensity bends least along z. Pixel columns are solved on their own, for any axial profile.
"""

from collections.abc import Iterator

import numpy as np

from ..optics.operator import ProjectionOperator
from .classical import histospline

# Weight of the bending, against a misfit of one standard deviation, and what is added before the logarithm;
# both chosen on procedural specimens (benchmarks/inr.py prints what they give).
CURVATURE = 30.0
OFFSET = 0.02

# A floor of the noise, in unit intensities: below it closer agreement is left to the consistency.
NOISE_FLOOR = 0.005

_ITERATIONS = 5
_DAMPING = 0.01
_LARGEST_STEP = 1.0
_PIXELS = 2048

# Slabs solved together and how many of them at each end are context; bending reaches no further.
_SLABS = 12
_CONTEXT = 3


def logspline(
    projections: np.ndarray, operator: ProjectionOperator, noise: float = 0.0, iterations: int = _ITERATIONS
) -> np.ndarray:
    """The volume of smoothest log intensity.

    Minimises, per pixel column, sum_i (X_i - sum_k w_k m_k)^2 / s^2 + c sum (D^2 log(m + offset))^2, with D^2
    the second difference along z.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities.
    operator : ProjectionOperator
    noise : float
        Standard deviation of the projections' noise, in unit intensities.
    iterations : int
        Gauss-Newton steps.

    Returns
    -------
    ndarray, shape (N*n, H, W), float32
        Not below -OFFSET; it agrees with the projections within the noise, not exactly.
    """
    volume = np.empty((len(projections) * operator.step_length, *projections.shape[1:]), np.float32)
    for part, values in logspline_parts(projections, operator, noise, iterations):
        volume[part] = values
    return volume


def logspline_parts(
    projections: np.ndarray, operator: ProjectionOperator, noise: float = 0.0, iterations: int = _ITERATIONS
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The same, piece by piece: (slices, rows) of the volume and its values there."""
    count, height, width = projections.shape
    n = operator.step_length
    rows = max(1, _PIXELS // width)
    precision = 1 / (noise**2 + NOISE_FLOOR**2)
    keep = _SLABS - 2 * _CONTEXT
    for first in range(0, count, keep):
        last = min(first + keep, count)
        start, stop = max(0, first - _CONTEXT), min(count, last + _CONTEXT)
        inverse = _damped_bending_inverse((stop - start) * n)
        for top in range(0, height, rows):
            block = np.asarray(projections[start:stop, top : top + rows], dtype=np.float64)
            columns = block.reshape(stop - start, -1).T
            begin = np.log(np.maximum(histospline(block, n), 0) + OFFSET).reshape(-1, columns.shape[0]).T
            logs = _gauss_newton(columns, begin, operator.profile, precision, inverse, iterations)
            values = (np.exp(logs[:, (first - start) * n : (last - start) * n]) - OFFSET).T
            place = slice(first * n, last * n), slice(top, top + rows)
            yield place, values.reshape(len(values), -1, width).astype(np.float32)


def _gauss_newton(
    measured: np.ndarray,
    logs: np.ndarray,
    profile: np.ndarray,
    precision: float,
    inverse: np.ndarray,
    iterations: int,
) -> np.ndarray:
    """Log intensities of pixel columns; measured (P, N), logs (P, N*n).

    The bending term is the same for every column, so its (damped) inverse is one dense matrix, and the data
    term adds one direction a slab: by Woodbury's identity a step needs an N x N solve per column.
    """
    pixels, slabs = measured.shape
    n = len(profile)
    bending = _bending(slabs * n)
    for _ in range(iterations):
        light = np.exp(logs)
        slopes = light.reshape(pixels, slabs, n) * profile
        misfit = slopes.sum(2) - OFFSET - measured
        downhill = -(logs @ bending) - (precision * misfit[:, :, None] * slopes).reshape(pixels, -1)
        spread = downhill @ inverse
        # The N x N matrices J K^-1 J^T, slab row by slab row.
        coupling = np.empty((pixels, slabs, slabs))
        for i in range(slabs):
            reach = slopes[:, i] @ inverse[i * n : (i + 1) * n]
            coupling[:, i] = (reach.reshape(pixels, slabs, n) * slopes).sum(2)
        coupling[:, np.arange(slabs), np.arange(slabs)] += 1 / precision
        seen = (spread.reshape(pixels, slabs, n) * slopes).sum(2)
        held = np.linalg.solve(coupling, seen[:, :, None])
        step = spread - (held * slopes).reshape(pixels, -1) @ inverse
        logs = logs + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        logs = np.maximum(logs, np.log(OFFSET / 20))
    return np.asarray(logs)


def _bending(size: int) -> np.ndarray:
    """The matrix of the bending term, CURVATURE D2^T D2, shape (size, size)."""
    second = np.diff(np.eye(size), 2, axis=0)
    return np.asarray(CURVATURE * second.T @ second)


def _damped_bending_inverse(size: int) -> np.ndarray:
    """Inverse of the bending matrix plus a little identity, which bounds steps along straight lines."""
    return np.asarray(np.linalg.inv(_bending(size) + _DAMPING * CURVATURE * np.eye(size)))
