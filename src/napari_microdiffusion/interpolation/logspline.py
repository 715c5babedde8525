"""The log-spline guide: the volume with the smoothest log intensity that agrees with the projections.

Fluorescence varies by factors rather than by differences: a structure that leaves a slab fades, it does not
go negative. Of all volumes that agree with the projections within their noise, this takes the one whose log
intensity bends least along z. Pixel columns are solved on their own, for any axial profile.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..optics.operators.any_beam import BeamOperator
from ..optics.operators.banded import banded_product, bands_of, factor_banded
from ..optics.operators.conjugate_gradients import unchecked
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
# Voxels solved together: few enough for the processor's caches, many enough for long vectors.
_VOXELS = 1_200_000
# Diagonals above the main one of second differences squared.
BEND = 2


def logspline(
    projections: np.ndarray,
    operator: ProjectionOperator | BeamOperator,
    noise: float = 0.0,
    iterations: int = _ITERATIONS,
    *,
    pedestal: float | np.ndarray = 0.0,
    check: Callable[[], None] = unchecked,
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
    pedestal : float or ndarray, broadcast to (H, W)
        Light that does not fade with the structures, in unit intensities; of disjoint slabs only.
    check : callable
        Called between pieces; ends it by raising.

    Returns
    -------
    ndarray, shape (N*n, H, W) or the operator's extended shape, float32
        Not below -OFFSET; it agrees with the projections within the noise, not exactly.
    """
    virtual = operator.virtual_slabs if isinstance(operator, BeamOperator) else 0
    depth = (len(projections) + 2 * virtual) * operator.step_length
    volume = np.empty((depth, *projections.shape[1:]), np.float32)
    for part, values in logspline_parts(projections, operator, noise, iterations, pedestal=pedestal):
        check()
        volume[part] = values
    return volume


def logspline_parts(
    projections: np.ndarray,
    operator: ProjectionOperator | BeamOperator,
    noise: float = 0.0,
    iterations: int = _ITERATIONS,
    *,
    pedestal: float | np.ndarray = 0.0,
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The same, piece by piece: (slices, rows) of the volume and its values there."""
    count, height, width = projections.shape
    n, virtual = operator.step_length, 0
    if isinstance(operator, BeamOperator):
        if not operator.is_straight:
            raise ValueError("the log-spline along pixel columns needs a straight beam and one view")
        virtual = operator.virtual_slabs
    precision = 1 / (noise**2 + NOISE_FLOOR**2)
    depth = (count + 2 * virtual) * n
    rows = max(1, _VOXELS // (depth * width))
    pedestals = np.broadcast_to(np.float32(pedestal), (height, width))
    for top in range(0, height, rows):
        whole = np.asarray(projections[:, top : top + rows], dtype=np.float32)
        own = pedestals[top : top + rows]
        flat = np.where(own > 0, np.minimum(whole, own), np.float32(0))
        block = whole - flat
        light = np.maximum(histospline(block, n), 0) + OFFSET
        light = np.pad(light, ((virtual * n, virtual * n), (0, 0), (0, 0)), mode="edge")
        problem = _ColumnProblem(block.reshape(count, -1), operator.profile, n, depth, precision)
        logs = problem.solve(np.log(light).reshape(depth, -1), iterations)
        values = (np.exp(logs) - OFFSET).reshape(depth, -1, width)
        if flat.any():
            values += np.repeat(flat, n, axis=0)
        yield (slice(0, depth), slice(top, top + rows)), values.astype(np.float32, copy=False)


class _ColumnProblem:
    """Measured pixel columns (N, P) whose log intensities (depth, P) are sought."""

    def __init__(
        self, measured: np.ndarray, profile: np.ndarray, step_length: int, depth: int, precision: float
    ) -> None:
        seen = np.flatnonzero(profile)
        self.measured, self.precision = measured, precision
        self.weights = profile[seen[0] : seen[-1] + 1, None].astype(np.float32)
        # The slices that each slab's beam reaches.
        starts = seen[0] + step_length * np.arange(len(measured))
        self.reached = [slice(start, start + len(self.weights)) for start in starts]
        self.bends = bands_of(bending(depth), BEND)
        # Two slices that one slab sees depend on each other, however far apart they lie.
        self.damped = bands_of(damped_bending(depth), max(BEND, len(self.weights) - 1))

    def step(self, logs: np.ndarray) -> np.ndarray:
        """The Gauss-Newton step from these log intensities, shape (depth, P)."""
        light = np.exp(logs)
        downhill = -banded_product(self.bends, logs)
        bands = np.repeat(self.damped[:, :, None], logs.shape[1], axis=2)
        for measured, part in zip(self.measured, self.reached, strict=True):
            slopes = light[part] * self.weights
            scaled = self.precision * slopes
            downhill[part] -= (slopes.sum(0) - OFFSET - measured) * scaled
            for d in range(len(slopes)):
                bands[d, part.start : part.stop - d] += scaled[: len(slopes) - d] * slopes[d:]
        return factor_banded(bands).solve(downhill)

    def solve(self, logs: np.ndarray, iterations: int) -> np.ndarray:
        """Log intensities after so many steps."""
        for _ in range(iterations):
            logs = logs + np.clip(self.step(logs), -LARGEST_STEP, LARGEST_STEP)
            logs = np.maximum(logs, LOWEST_LOG)
        return logs


def bending(size: int) -> np.ndarray:
    """The matrix of the bending term, CURVATURE D2^T D2, shape (size, size)."""
    second = np.diff(np.eye(size), 2, axis=0)
    return np.asarray(CURVATURE * second.T @ second)


def damped_bending(size: int) -> np.ndarray:
    """The bending matrix plus a little identity, which bounds steps along straight lines."""
    return bending(size) + _DAMPING * CURVATURE * np.eye(size)
