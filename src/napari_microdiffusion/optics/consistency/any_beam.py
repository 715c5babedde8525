"""Data consistency through any beam: the nearest volume that re-projects onto X."""

from collections.abc import Callable

import numpy as np

from ..operators.any_beam import BeamOperator
from ..operators.banded import factor_banded
from ..operators.conjugate_gradients import conjugate_gradients, inner_product, unchecked

# Pixel columns solved together, so that temporaries stay small and a run can be left between two blocks.
_COLUMNS = 4096
_NEWTON_STEPS, _HALVINGS = 40, 12
_CONJUGATE_STEPS, _DESCENT_STEPS, _SCALING_STEPS = 60, 60, 60
# Over-relaxation of the scaling, and the share of the range from which a dark voxel can grow again.
_SCALING_POWER, _SPARK = 1.6, 1e-3
# Added to the slope A D A^T, relative to |w|^2, where a slab has hardly a voxel above the floor.
_RIDGE = 1e-4


def make_consistent_through(
    extended: np.ndarray,
    measured: np.ndarray,
    operator: BeamOperator,
    *,
    damping: float = 0.0,
    floor: np.ndarray | float | None = None,
    tolerance: float = 1e-6,
    check: Callable[[], None] = unchecked,
) -> np.ndarray:
    """The volume that minimises |v - m|^2 + |A v - X|^2 / damping, above a floor where one is given.

    Without a floor that is v = m + A^T (A A^T + damping)^-1 (X - A m). With one it is
    v = max(m + A^T theta, floor) with theta = (X - A v) / damping, found by a semismooth Newton iteration
    (Qi and Sun, Math. Program. 58 (1993) 353): the equation is piecewise linear, and its slope is
    A D A^T + damping with D the voxels above the floor.

    Parameters
    ----------
    extended : ndarray, shape `operator.extended_shape`
        The estimate m.
    measured : ndarray, shape (V*N, H, W)
        X, in the same unit.
    operator : BeamOperator
    damping : float
        Noise variance over the prior variance of a voxel, lambda; 0 is exact, where that is possible.
    floor : float or ndarray of the shape of `extended`, optional
        Lower bound of the result.
    tolerance : float
        Where the iterations end: the largest difference besides that due to damping, in the unit of X.
    check : callable
        Called often; may raise to leave.

    Returns
    -------
    ndarray, shape `operator.extended_shape`, float32
        A new array.
    """
    # Two mirrored views see the same mean, and a floor may leave no exact answer: a little damping gives
    # an answer then and costs less than the tolerance where there is one without.
    damped = max(damping, _least_damping(operator))
    if operator.is_straight:
        return _columns(extended, measured, operator, damped, floor, tolerance, check)
    return _bent(extended, measured, operator, damped, floor, tolerance, check)


def _least_damping(operator: BeamOperator) -> float:
    return 1e-7 * operator.squared_norm


def _columns(
    extended: np.ndarray,
    measured: np.ndarray,
    operator: BeamOperator,
    damping: float,
    floor: np.ndarray | float | None,
    tolerance: float,
    check: Callable[[], None],
) -> np.ndarray:
    """A straight beam: every pixel column on its own."""
    slabs, depth = len(measured), len(extended)
    volume, target = extended.reshape(depth, -1), measured.reshape(slabs, -1)
    result = np.empty(volume.shape, np.float32)
    columns, factor = _Columns(operator), operator.factor(damping)
    for start in range(0, volume.shape[1], _COLUMNS):
        check()
        part = slice(start, start + _COLUMNS)
        m, x = volume[:, part].astype(np.float64), target[:, part].astype(np.float64)
        theta = factor.solve(x - columns.project(m))
        v = m + columns.adjoint(theta)
        if floor is not None:
            bound = np.asarray(floor, np.float64)
            if bound.ndim:
                bound = bound.reshape(depth, -1)[:, part]
            low = np.flatnonzero((v < bound).any(0))
            if len(low):
                below = bound[:, low] if bound.ndim else bound
                v[:, low] = columns.above(m[:, low], x[:, low], theta[:, low], below, damping, tolerance)
        result[:, part] = v
    return result.reshape(extended.shape)


class _Columns:
    """The operator of a straight beam on pixel columns: (depth, P) to (slabs, P)."""

    def __init__(self, operator: BeamOperator) -> None:
        self.n, self.weights = operator.step_length, operator.profile
        self.slabs, self.depth = operator.shape[0], operator.extended_shape[0]
        self.taps = [(k, w) for k, w in enumerate(self.weights) if w]
        self.bands = len(operator.coupling)

    def _window(self, k: int) -> slice:
        return slice(k, k + (self.slabs - 1) * self.n + 1, self.n)

    def project(self, m: np.ndarray) -> np.ndarray:
        x = np.zeros((self.slabs, m.shape[1]))
        for k, w in self.taps:
            x += w * m[self._window(k)]
        return x

    def adjoint(self, x: np.ndarray) -> np.ndarray:
        m = np.zeros((self.depth, x.shape[1]))
        for k, w in self.taps:
            m[self._window(k)] += w * x
        return m

    def solve(self, right: np.ndarray, damping: float, active: np.ndarray) -> np.ndarray:
        """(A D A^T + damping)^-1 with D the active voxels, for each column its own."""
        bands = np.zeros((self.bands, self.slabs, right.shape[1]))
        for d in range(self.bands):
            for k, w in self.taps:
                if k >= d * self.n and (product := w * self.weights[k - d * self.n]):
                    bands[d] += product * active[self._window(k)]
        bands[0] += damping
        return factor_banded(bands).solve(right)

    def above(
        self,
        m: np.ndarray,
        x: np.ndarray,
        theta: np.ndarray,
        floor: np.ndarray | float,
        damping: float,
        tolerance: float,
    ) -> np.ndarray:
        """The damped, floored solution of columns for which it is not the plain one."""
        result = np.array(theta)
        going = np.arange(m.shape[1])
        # Only what lies above the floor counts, so the floor is taken as zero.
        target = x - self.project(np.broadcast_to(floor, m.shape))
        height, theta = m - floor, result
        slope_damping = damping + _RIDGE * float(self.weights @ self.weights)
        for _ in range(_NEWTON_STEPS):
            moved = height + self.adjoint(theta)
            lack = target - self.project(np.maximum(moved, 0)) - damping * theta
            open_ = np.abs(lack).max(0) > tolerance
            result[:, going] = theta
            if not open_.any():
                break
            going, height, target = going[open_], height[:, open_], target[:, open_]
            theta, lack, moved = theta[:, open_], lack[:, open_], moved[:, open_]
            step = self.solve(lack, slope_damping, moved > 0)
            theta = self._search(theta, step, lack, height, target, damping)
        return np.maximum(m + self.adjoint(result), floor)

    def _search(
        self,
        theta: np.ndarray,
        step: np.ndarray,
        lack: np.ndarray,
        height: np.ndarray,
        target: np.ndarray,
        damping: float,
    ) -> np.ndarray:
        """Go along a step, halved until the convex dual function has fallen enough (Armijo's rule)."""

        def dual(t: np.ndarray, some: np.ndarray) -> np.ndarray:
            lit = np.maximum(height[:, some] + self.adjoint(t), 0)
            return np.asarray(((lit**2).sum(0) + damping * (t**2).sum(0)) / 2 - (target[:, some] * t).sum(0))

        everyone = np.arange(theta.shape[1])
        before, slope = dual(theta, everyone), (lack * step).sum(0)
        length, trying = np.ones(theta.shape[1]), everyone
        for _ in range(_HALVINGS):
            after = dual(theta[:, trying] + length[trying] * step[:, trying], trying)
            trying = trying[after > before[trying] - 1e-4 * length[trying] * slope[trying]]
            if not len(trying):
                break
            length[trying] /= 2
        return np.asarray(theta + length * step)


def _bent(
    extended: np.ndarray,
    measured: np.ndarray,
    operator: BeamOperator,
    damping: float,
    floor: np.ndarray | float | None,
    tolerance: float,
    check: Callable[[], None],
) -> np.ndarray:
    """Displaced beams: conjugate gradients, since every pixel depends on its neighbours."""
    m, x = extended.astype(np.float32), measured.astype(np.float32)
    theta = conjugate_gradients(
        lambda t: operator.project(operator.adjoint(t)) + np.float32(damping) * t,
        x - operator.project(m),
        np.asarray(1 / (operator.squared_norm + damping), np.float32),
        _CONJUGATE_STEPS,
        tolerance=tolerance,
        check=check,
    )
    v = m + operator.adjoint(theta)
    if floor is None:
        return np.asarray(v, np.float32)
    low = np.asarray(floor, np.float32)
    # Nesterov's accelerated descent of the dual function, started anew where it overshoots (O'Donoghue and
    # Candes, Found. Comput. Math. 15 (2015) 715). Newton's method took ten times as long here: voxels that
    # enter and leave the floor anywhere hold its step back everywhere.
    rate = np.float32(1 / (_norm(operator) + damping))
    ahead, momentum = theta, 1.0
    for _ in range(_DESCENT_STEPS):
        check()
        v = np.maximum(m + operator.adjoint(ahead), low)
        lack = x - operator.project(v) - np.float32(damping) * ahead
        if np.abs(lack).max() <= 3 * tolerance:
            break
        further = ahead + rate * lack
        if inner_product(lack, further - theta) < 0:
            momentum = 1.0
        quicker = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = further + np.float32((momentum - 1) / quicker) * (further - theta)
        theta, momentum = further, quicker
    if np.abs(lack).max() > 3 * tolerance and damping <= _least_damping(operator):
        v = (
            _scaled(v - low, x - operator.project(np.broadcast_to(low, v.shape)), operator, tolerance, check)
            + low
        )
    return np.asarray(v, np.float32)


def _scaled(
    v: np.ndarray, x: np.ndarray, operator: BeamOperator, tolerance: float, check: Callable[[], None]
) -> np.ndarray:
    """Consistency by factors (Richardson 1972, Lucy 1974), over-relaxed: what the descent leaves undone.

    Where nearly all voxels that a pixel sees lie on the floor the dual descends very slowly; factors reach
    it there in some tens of steps.
    """
    v, x = np.maximum(v, np.float32(_SPARK * x.max())), np.maximum(x, 0)
    reach = operator.adjoint(np.ones_like(x))
    for _ in range(_SCALING_STEPS):
        check()
        seen = operator.project(v)
        if np.abs(seen - x).max() <= 3 * tolerance:
            break
        ratio = operator.adjoint(x / np.maximum(seen, 1e-12)) / np.maximum(reach, 1e-6)
        v *= np.where(reach > 0, ratio**_SCALING_POWER, 1)
    return v


def _norm(operator: BeamOperator) -> float:
    """An upper bound of the largest eigenvalue of A A^T: its largest row sum, all weights being positive."""
    return float(operator.project(operator.adjoint(np.ones(_measured_shape(operator)))).max())


def _measured_shape(operator: BeamOperator) -> tuple[int, int, int]:
    slabs, height, width = operator.shape
    return operator.views * slabs, height, width
