"""The log-spline guide: the volume with the smoothest log intensity that agrees with the projections.

Fluorescence varies by factors rather than by differences: a structure that leaves a slab fades, it does not
go negative. Of all volumes that agree with the projections within their noise, this takes the one whose log
intensity bends least along z. Pixel columns are solved on their own, for any axial profile.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..optics.operators.any_beam import BeamOperator
from ..optics.operators.disjoint_slabs import ProjectionOperator
from .classical import histospline

# Weight of the bending, against a misfit of one standard deviation, and what is added before the logarithm;
# both chosen on procedural specimens (benchmarks/inr.py prints what they give).
CURVATURE = 30.0
OFFSET = 0.02

# A floor of the noise, in unit intensities: below it closer agreement is left to the consistency.
NOISE_FLOOR = 0.005

_ITERATIONS = 5
_DAMPING = 0.01
# Bounds of a step and of the logarithm, which a dark voxel would else take to minus infinity.
LARGEST_STEP = 1.0
LOWEST_LOG = float(np.log(OFFSET / 20))
_PIXELS = 2048

# Slabs solved together and how many of them at each end are context; bending reaches no further.
_SLABS = 12
_CONTEXT = 3


def logspline(
    projections: np.ndarray,
    operator: ProjectionOperator | BeamOperator,
    noise: float = 0.0,
    iterations: int = _ITERATIONS,
    *,
    pedestal: float = 0.0,
) -> np.ndarray:
    """The volume of smoothest log intensity.

    Minimises, per pixel column, sum_i (X_i - sum_k w_k m_k)^2 / s^2 + c sum (D^2 log(m + offset))^2, with D^2
    the second difference along z. With a pedestal, m is what lies above it, and what lies below it stays flat
    within its slab.

    Parameters
    ----------
    projections : ndarray, shape (N, H, W)
        Unit intensities.
    operator : ProjectionOperator or BeamOperator
        Of disjoint slabs, or of a straight beam that reaches beyond its slab.
    noise : float
        Standard deviation of the projections' noise, in unit intensities.
    iterations : int
        Gauss-Newton steps.
    pedestal : float
        Light that does not fade with the structures, in unit intensities; of disjoint slabs only.

    Returns
    -------
    ndarray, shape (N*n, H, W) or the operator's extended shape, float32
        Not below -OFFSET; it agrees with the projections within the noise, not exactly.
    """
    virtual = operator.virtual_slabs if isinstance(operator, BeamOperator) else 0
    depth = (len(projections) + 2 * virtual) * operator.step_length
    volume = np.empty((depth, *projections.shape[1:]), np.float32)
    for part, values in logspline_parts(projections, operator, noise, iterations, pedestal=pedestal):
        volume[part] = values
    return volume


def logspline_parts(
    projections: np.ndarray,
    operator: ProjectionOperator | BeamOperator,
    noise: float = 0.0,
    iterations: int = _ITERATIONS,
    *,
    pedestal: float = 0.0,
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The same, piece by piece: (slices, rows) of the volume and its values there."""
    count, height, width = projections.shape
    n, virtual = operator.step_length, 0
    if isinstance(operator, BeamOperator):
        if not operator.is_straight:
            raise ValueError("the log-spline along pixel columns needs a straight beam and one view")
        virtual = operator.virtual_slabs
    windows = _Windows(operator.profile, n)
    rows = max(1, _PIXELS // width)
    precision = 1 / (noise**2 + NOISE_FLOOR**2)
    context = max(_CONTEXT, virtual + 2)
    keep = max(_SLABS - 2 * context, 4)
    for piece in slab_pieces(count, virtual, context, keep):
        start, stop = piece.start, piece.stop
        inverse = damped_bending_inverse((stop - start + 2 * virtual) * n)
        for top in range(0, height, rows):
            whole = np.asarray(projections[start:stop, top : top + rows], dtype=np.float64)
            flat = np.minimum(whole, pedestal) if pedestal else np.zeros_like(whole)
            block = whole - flat
            columns = block.reshape(stop - start, -1).T
            light = np.maximum(histospline(block, n), 0) + OFFSET
            light = np.pad(light, ((virtual * n, virtual * n), (0, 0), (0, 0)), mode="edge")
            logs = np.log(light).reshape(len(light), -1).T
            logs = _gauss_newton(columns, logs, windows, precision, inverse, iterations)
            values = (np.exp(logs[:, piece.own(n)]) - OFFSET).T
            place = piece.slices(n), slice(top, top + rows)
            values = values.reshape(len(values), -1, width)
            if pedestal:
                values += np.repeat(flat[piece.first - start : piece.last - start], n, axis=0)
            yield place, values.astype(np.float32)


@dataclass(frozen=True)
class SlabPiece:
    """Slabs that are solved together, and which of them, counted with the virtual ones, are kept."""

    start: int
    """First projection read."""
    stop: int
    first: int
    """First slab kept, of the extended volume."""
    last: int

    def slices(self, n: int) -> slice:
        """The slices kept, of the extended volume."""
        return slice(self.first * n, self.last * n)

    def own(self, n: int) -> slice:
        """The same, of the extended volume of this piece."""
        return slice((self.first - self.start) * n, (self.last - self.start) * n)


def slab_pieces(count: int, virtual: int, context: int, keep: int) -> Iterator[SlabPiece]:
    """Pieces of `keep` slabs of `count`, read with `context` on either side.

    The outermost pieces bring the virtual slabs along.
    """
    for first in range(0, count, keep):
        last = min(first + keep, count)
        yield SlabPiece(
            max(0, first - context),
            min(count, last + context),
            first + (virtual if first else 0),
            last + (2 * virtual if last == count else virtual),
        )


class _Windows:
    """The slices that each slab's beam reaches: (P, depth) to and from (P, slabs, L)."""

    def __init__(self, profile: np.ndarray, step_length: int) -> None:
        seen = np.flatnonzero(profile)
        self.first, self.step_length = int(seen[0]), step_length
        self.weights = profile[seen[0] : seen[-1] + 1]

    def gather(self, values: np.ndarray, slabs: int) -> np.ndarray:
        """Each slab's slices; a view."""
        views = sliding_window_view(values, len(self.weights), axis=1)
        return np.asarray(views[:, self.first :: self.step_length][:, :slabs])

    def scatter(self, values: np.ndarray, depth: int) -> np.ndarray:
        """The transpose: slices seen by several slabs get the sum."""
        slabs = values.shape[1]
        result = np.zeros((len(values), depth))
        for k in range(values.shape[2]):
            start = self.first + k
            result[:, start : start + (slabs - 1) * self.step_length + 1 : self.step_length] += values[
                :, :, k
            ]
        return result

    def of_slab(self, slab: int) -> slice:
        """The slices of one slab."""
        start = self.first + slab * self.step_length
        return slice(start, start + len(self.weights))


def _gauss_newton(
    measured: np.ndarray,
    logs: np.ndarray,
    windows: _Windows,
    precision: float,
    inverse: np.ndarray,
    iterations: int,
) -> np.ndarray:
    """Log intensities of pixel columns; measured (P, N), logs (P, depth).

    The bending term is the same for every column, so its (damped) inverse is one dense matrix, and the data
    term adds one direction a slab: by Woodbury's identity a step needs an N x N solve per column.
    """
    (pixels, slabs), depth = measured.shape, logs.shape[1]
    bend = bending(depth)
    for _ in range(iterations):
        slopes = windows.gather(np.exp(logs), slabs) * windows.weights
        misfit = slopes.sum(2) - OFFSET - measured
        downhill = -(logs @ bend) - windows.scatter(precision * misfit[:, :, None] * slopes, depth)
        spread = downhill @ inverse
        # The N x N matrices J K^-1 J^T, slab row by slab row.
        coupling = np.empty((pixels, slabs, slabs))
        for i in range(slabs):
            reach = slopes[:, i] @ inverse[windows.of_slab(i)]
            coupling[:, i] = (windows.gather(reach, slabs) * slopes).sum(2)
        coupling[:, np.arange(slabs), np.arange(slabs)] += 1 / precision
        seen = (windows.gather(spread, slabs) * slopes).sum(2)
        held = np.linalg.solve(coupling, seen[:, :, None])
        step = spread - windows.scatter(held * slopes, depth) @ inverse
        logs = logs + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        logs = np.maximum(logs, LOWEST_LOG)
    return np.asarray(logs)


def bending(size: int) -> np.ndarray:
    """The matrix of the bending term, CURVATURE D2^T D2, shape (size, size)."""
    second = np.diff(np.eye(size), 2, axis=0)
    return np.asarray(CURVATURE * second.T @ second)


def damped_bending_inverse(size: int) -> np.ndarray:
    """Inverse of the bending matrix plus a little identity, which bounds steps along straight lines."""
    return np.asarray(np.linalg.inv(bending(size) + _DAMPING * CURVATURE * np.eye(size)))
