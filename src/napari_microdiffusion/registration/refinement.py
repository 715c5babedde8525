"""The pose of a reference to a fraction of a voxel: Gauss-Newton on the projections themselves."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy

from ..optics.operators.conjugate_gradients import unchecked
from .brightness import robust_weights, usual_size
from .forward import Forward
from .pose import Pose, Triple
from .rigid import covered, resampled

# Widths in pixels, from coarse to fine, that images are smoothed with, and iterations at each.
_WIDTHS = (2.5, 1.2, 0.7, 0.4)
_ITERATIONS, _FINE_ITERATIONS = 5, 15
# Largest step of an iteration: voxels, and degrees.
_LARGEST = np.array([2.0, 2.0, 2.0, 1.5])
# The one from which on there is no other, and the same of fine ones.
_SMALLEST, _FINE_SMALLEST = (np.array([0.02, 0.02, 0.02, 0.01]) * share for share in (1, 0.2))


def refined(
    projections: np.ndarray,
    stack: np.ndarray,
    voxel: Triple,
    forward: Forward,
    start: Pose,
    check: Callable[[], None] = unchecked,
    *,
    finely: bool = False,
) -> Pose:
    """Improve a pose until the projected reference fits the projections best.

    Every slab may have a brightness of its own, and pixels that do not fit count less.

    Parameters
    ----------
    projections : ndarray, shape (V*N, H, W)
        With their noise: it is the same everywhere then, and what filters it out moves structures a little.
    stack : ndarray, shape (D, H', W')
        The reference at its own sampling.
    voxel : tuple of 3 floats
        Its voxel size in voxels of the volume.
    forward : Forward
    start : Pose
        Within some voxels and degrees.
    check : callable
        Called before each iteration; may raise to leave.
    finely : bool
        Start where another call ended, with cubic splines, and go on to the very best: what linear
        interpolation blurs draws a pose to where it blurs less. Noise and change would draw it farther, so
        this is for references that match well.
    """
    shape = (forward.depth, *projections.shape[1:])
    pose = start
    measured = np.asarray(projections, np.float32)
    order: Literal[1, 3]
    iterations, smallest, order = _ITERATIONS, _SMALLEST, 1
    if finely:
        iterations, smallest, order = _FINE_ITERATIONS, _FINE_SMALLEST, 3
    for width in _WIDTHS[-1:] if finely else _WIDTHS:
        smooth = (0, width, width)
        target = scipy.ndimage.gaussian_filter(measured, smooth, mode="nearest")
        for _ in range(iterations):
            check()
            volume = resampled(stack, voxel, pose, shape, order)
            inside = forward(covered(stack.shape, voxel, pose, shape).astype(np.float32)) > 0.9
            parts = _with_slopes(volume, pose, forward)
            if finely:
                parts.append(np.abs(forward(volume - resampled(stack, voxel, pose, shape))))
            seen, *slopes = (scipy.ndimage.gaussian_filter(part, smooth, mode="nearest") for part in parts)
            # Light that interpolation moves across the border of a slab looks like a shift in z.
            doubt = slopes.pop() if finely else None
            step = _step(target, seen, slopes, inside, doubt)
            pose = pose.moved(np.clip(step, -_LARGEST, _LARGEST))
            if (np.abs(step) < smallest).all():
                break
    return pose


def _with_slopes(volume: np.ndarray, pose: Pose, forward: Forward) -> list[np.ndarray]:
    """Projections of the volume, and how they change with z, y, x (voxels) and angle (degrees)."""
    along = [np.asarray(slope, np.float32) for slope in np.gradient(volume)]
    y, x = (
        (np.arange(size, dtype=np.float32) - (size - 1) / 2 - np.float32(shift)).reshape(at)
        for size, shift, at in zip(volume.shape[1:], pose.shift[1:], ((-1, 1), (1, -1)), strict=True)
    )
    turning = np.float32(np.pi / 180) * (along[1] * x - along[2] * y)
    return [forward(part) for part in (volume, *(-slope for slope in along), turning)]


def _step(
    target: np.ndarray,
    seen: np.ndarray,
    slopes: list[np.ndarray],
    inside: np.ndarray,
    doubt: np.ndarray | None,
) -> np.ndarray:
    """The least-squares step, the brightness and the background of every slab being free."""
    rows, rest = [], []
    for i in range(len(target)):
        use = inside[i]
        if use.sum() < 32:
            continue
        t, seen_here = target[i][use].astype(np.float64), seen[i][use].astype(np.float64)
        slope = np.stack([part[i][use] for part in slopes], 1).astype(np.float64)
        unsure = None if doubt is None else doubt[i][use]
        gain, offset, weight = robust_weights(t, seen_here, among_lit=True, doubt=unsure)
        if gain <= 0:
            continue
        # What brightness and background could explain is no sign of a motion.
        centred = seen_here - np.average(seen_here, weights=weight)
        own = slope - np.average(slope, axis=0, weights=weight)
        own -= np.outer(centred, (weight * centred) @ own / (weight @ np.square(centred)))
        root = np.sqrt(weight)
        left = root * (t - gain * seen_here - offset)
        # Slabs count by how well they fit.
        root /= usual_size(left)
        rows.append(gain * own * root[:, None])
        rest.append((t - gain * seen_here - offset) * root)
    if not rows:
        return np.zeros(4)
    jacobian, missing = np.concatenate(rows), np.concatenate(rest)
    normal = jacobian.T @ jacobian
    normal += 1e-6 * np.diag(np.diag(normal)) + 1e-12 * np.eye(4)
    return np.asarray(np.linalg.solve(normal, jacobian.T @ missing))
