"""Local shifts of a reference beyond its pose: Gauss-Newton on the projections, smooth from node to node."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from ..optics.operators.conjugate_gradients import conjugate_gradients, unchecked
from .brightness import robust_weights, usual_size
from .deformation import Deformation, gathered, spline_weights, spread_out
from .forward import Forward
from .pose import Pose, Triple
from .rigid import covered, resampled

# Voxels from node to node, at least; in depth also a slab.
_SPACING = 16
# How far neighbouring nodes are expected to be shifted against each other, in voxels.
_STRAIN = 0.5
# Widths in pixels, from coarse to fine, that images are smoothed with, and iterations at each.
_WIDTHS = (3.0, 1.5)
_ITERATIONS = 4
# Largest change of an iteration, and the one from which on there is no other; in voxels.
_LARGEST, _SMALLEST = 3.0, 0.05
# Share of the structures that no shift explains, be there no noise at all.
_UNEXPLAINED = 0.05
# Structures below this share of the light are rounding.
_ROUNDING = 1e-5
# Steps of conjugate gradients, and the share of the misfit at which they end.
_STEPS, _SHARE = 60, 1e-4
# Side in pixels of the squares that judge what the others taught.
_SQUARE = 8
# Share of the misfit of a pose that local shifts may leave, in squares that took no part; beyond, tissue is
# taken for rigid. And the root mean square shift in voxels below which there is none to speak of.
_LEFT, _NONE = 0.92, 0.2


def local_shifts(
    projections: np.ndarray,
    stack: np.ndarray,
    voxel: Triple,
    forward: Forward,
    pose: Pose,
    check: Callable[[], None] = unchecked,
) -> Deformation | None:
    """How the tissue is deformed since a reference was taken; None where a pose explains as much.

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
    stack : ndarray, shape (D, H', W')
        The reference at its own sampling.
    voxel : tuple of 3 floats
        Its voxel size in voxels of the volume.
    forward : Forward
    pose : Pose
        That fits best as a whole.
    check : callable
        Called before each iteration; may raise to leave.
    """
    shape = (forward.depth, *projections.shape[1:])
    counts = [1 + max(1, round(size / _SPACING)) for size in shape]
    counts[0] = min(counts[0], 1 + forward.slabs)
    weights = [spline_weights(size, n) for size, n in zip((forward.slabs, *shape[1:]), counts, strict=True)]
    spread = (np.tile(weights[0], (forward.acquisition.views, 1)), weights[1], weights[2])
    nodes = np.zeros((3, *counts), np.float32)
    measured = np.asarray(projections, np.float32)
    for width in _WIDTHS:
        target = _smooth(measured, width)
        for _ in range(_ITERATIONS):
            check()
            now = Deformation(nodes, shape)
            equations = _equations(target, stack, voxel, forward, pose, now, width)
            if equations is None:
                return None
            step = equations.solve(spread, nodes)
            nodes = nodes + np.clip(step, -_LARGEST, _LARGEST)
            if np.abs(step).max() < _SMALLEST:
                break
    still = _equations(target, stack, voxel, forward, pose, None, width)
    last = _equations(target, stack, voxel, forward, pose, Deformation(nodes, shape), width)
    if still is None or last is None:
        return None
    if _misfit_left(still, last, spread, nodes) > _LEFT:
        return None
    # Of what projections tell nothing of, the shifts are those of its surroundings, and do not count.
    told = (np.square(last.slopes) * last.weight).sum(0)
    shifts = spread_out(nodes, spread)
    if np.sqrt(np.average(np.square(shifts).sum(0), weights=told)) < _NONE:
        return None
    z, y, x = np.abs(shifts[:, told > told.mean()])
    return Deformation(nodes, shape, (float(z.max()), float(np.hypot(y, x).max())))


@dataclass(frozen=True, eq=False)
class _Equations:
    """Linear equations of the shifts.

    Attributes
    ----------
    slopes : ndarray, shape (3, V*N, H, W)
        How the projected reference changes with shifts.
    missing : ndarray, shape (V*N, H, W)
        What it does not explain where it is.
    weight : ndarray, shape (V*N, H, W)
        Inverse variance of that.
    """

    slopes: np.ndarray
    missing: np.ndarray
    weight: np.ndarray

    def solve(
        self,
        spread: tuple[np.ndarray, np.ndarray, np.ndarray],
        nodes: np.ndarray,
        use: np.ndarray | None = None,
    ) -> np.ndarray:
        """By how much nodes had better be changed, judged by the pixels in use."""
        weight = self.weight if use is None else self.weight * use
        stiffness = np.float32(1 / _STRAIN**2)

        def apply(change: np.ndarray) -> np.ndarray:
            seen = (self.slopes * spread_out(change, spread)).sum(0)
            return gathered(self.slopes * (weight * seen), spread) + stiffness * _bent(change)

        right = gathered(self.slopes * (weight * self.missing), spread) - stiffness * _bent(nodes)
        diagonal = gathered(np.square(self.slopes) * weight, spread) + 6 * stiffness
        return conjugate_gradients(apply, right, 1 / diagonal, _STEPS, share=_SHARE)


def _bent(nodes: np.ndarray) -> np.ndarray:
    """Gradient of half the sum of squared differences between neighbouring nodes."""
    total = np.zeros_like(nodes)
    for axis in (1, 2, 3):
        step = np.diff(nodes, axis=axis)
        before, after = ([(0, 0)] * 4 for _ in range(2))
        before[axis], after[axis] = (1, 0), (0, 1)
        total += np.pad(step, before) - np.pad(step, after)
    return total


def _equations(
    target: np.ndarray,
    stack: np.ndarray,
    voxel: Triple,
    forward: Forward,
    pose: Pose,
    deformation: Deformation | None,
    width: float,
) -> _Equations | None:
    shape = (forward.depth, *target.shape[1:])
    volume = resampled(stack, voxel, pose, shape, deformation=deformation)
    inside = forward(covered(stack.shape, voxel, pose, shape, deformation).astype(np.float32)) > 0.9
    seen = _smooth(forward(volume), width)
    slopes = np.stack([_smooth(forward(-np.gradient(volume, axis=axis)), width) for axis in range(3)])
    missing, weight = np.zeros_like(target), np.zeros_like(target)
    # Neighbouring pixels of smoothed images tell the same.
    alike = 4 * np.pi * width**2
    for i, use in enumerate(inside):
        if use.sum() < 32:
            continue
        if np.ptp(seen[i][use]) <= _ROUNDING * np.abs(seen[i][use]).max():
            # Where the reference shows nothing, it tells of no motion.
            continue
        gain, offset, own = robust_weights(target[i][use], seen[i][use])
        slopes[:, i] *= max(gain, 0.0)
        missing[i] = np.where(use, target[i] - gain * seen[i] - offset, 0)
        root = np.sqrt(own)
        light = _UNEXPLAINED * float(np.std(root * gain * (seen[i][use] - seen[i][use].mean())))
        if not light:
            # Nor does it where it has nothing in common with what was measured.
            continue
        weight[i][use] = own / (usual_size(root * missing[i][use]) ** 2 + light**2) / alike
    return _Equations(slopes, missing, weight) if weight.any() else None


def _misfit_left(
    still: _Equations, last: _Equations, spread: tuple[np.ndarray, np.ndarray, np.ndarray], nodes: np.ndarray
) -> float:
    """What local shifts leave of the misfit of a pose, where they took no part; relative to it."""
    slab, row, column = np.ogrid[tuple(slice(size) for size in last.missing.shape)]
    first = (slab + row // _SQUARE + column // _SQUARE) % 2 == 0
    left, before = 0.0, 0.0
    for learn in (first, ~first):
        change = last.solve(spread, nodes, learn)
        seen = (last.slopes * spread_out(change, spread)).sum(0)
        judge = last.weight * ~learn
        left += float((judge * np.square(last.missing - seen)).sum())
        before += float((judge * np.square(still.missing)).sum())
    return left / before if before > 0 else 1.0


def _smooth(images: np.ndarray, width: float) -> np.ndarray:
    return np.asarray(scipy.ndimage.gaussian_filter(images, (0, width, width), mode="nearest"), np.float32)
