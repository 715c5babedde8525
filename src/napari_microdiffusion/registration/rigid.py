"""A reference stack on the voxels of a volume, where its pose puts it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy

from .deformation import Deformation
from .pose import Pose, Triple

VOXELS_AT_ONCE = 1_000_000
"""Voxels whose places in a deformed stack are computed at once; bounds the memory."""

SPLINE_MARGIN = 12
"""Voxels by which a stack is continued for splines of higher order."""


def without_aliasing(stack: np.ndarray, voxel: Triple) -> np.ndarray:
    """A stack (D, H, W) smoothed along the axes where its voxels are smaller than those of the volume.

    Parameters
    ----------
    stack : ndarray
    voxel : tuple of 3 floats
        Its voxel size (z, y, x) in voxels of the volume.
    """
    widths = [0.0 if size >= 1 else 0.29 * float(np.sqrt(1 / size**2 - 1)) for size in voxel]
    return np.asarray(scipy.ndimage.gaussian_filter(stack, widths, mode="nearest")) if any(widths) else stack


def resampled(
    stack: np.ndarray,
    voxel: Triple,
    pose: Pose,
    shape: tuple[int, int, int],
    order: Literal[1, 3, 5] = 1,
    deformation: Deformation | None = None,
) -> np.ndarray:
    """The stack on the voxels of a volume; beyond its borders it is continued.

    Parameters
    ----------
    stack : ndarray, shape (D, H, W)
    voxel : tuple of 3 floats
        Its voxel size (z, y, x) in voxels of the volume.
    pose : Pose
    shape : tuple of int
        Of the volume.
    order : {1, 3, 5}
        Of the spline that interpolates.
    deformation : Deformation, optional
        What is left beyond the pose.

    Returns
    -------
    ndarray of `shape`, float32
    """
    matrix, offset = to_stack(stack.shape, voxel, pose, shape)
    image = np.asarray(stack, np.float32)
    if deformation is not None:
        return _deformed(image, matrix, offset, order, deformation)
    if pose.angle == 0:
        # Separable, and then several times faster.
        return np.asarray(
            scipy.ndimage.affine_transform(image, np.diag(matrix), offset, shape, order=order, mode="nearest")
        )
    return np.asarray(
        scipy.ndimage.affine_transform(image, matrix, offset, shape, order=order, mode="nearest")
    )


def covered(
    stack_shape: tuple[int, ...],
    voxel: Triple,
    pose: Pose,
    shape: tuple[int, int, int],
    deformation: Deformation | None = None,
) -> np.ndarray:
    """Which voxels of a volume a stack reaches, bool, of `shape`."""
    matrix, offset = to_stack(stack_shape, voxel, pose, shape)
    if deformation is not None:
        found = np.empty(shape, bool)
        for slices, places in _places(matrix, offset, deformation):
            within = [is_within(place, size) for place, size in zip(places, stack_shape, strict=True)]
            found[slices] = np.logical_and.reduce(within)
        return found
    z = matrix[0, 0] * np.arange(shape[0]) + offset[0]
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    inside = is_within(z, stack_shape[0])[:, None, None]
    for axis in (1, 2):
        place = matrix[axis, 1] * rows + matrix[axis, 2] * columns + offset[axis]
        inside = inside & is_within(place, stack_shape[axis])
    return np.asarray(np.broadcast_to(inside, shape))


def _deformed(
    image: np.ndarray,
    matrix: np.ndarray,
    offset: np.ndarray,
    order: Literal[1, 3, 5],
    deformation: Deformation,
) -> np.ndarray:
    margin = 0
    if order > 1:
        margin = SPLINE_MARGIN
        image = spline_coefficients(image, order)
    found = np.empty(deformation.shape, np.float32)
    for slices, places in _places(matrix, offset, deformation):
        found[slices] = scipy.ndimage.map_coordinates(
            image, places + margin, np.float32, order=order, mode="nearest", prefilter=False
        )
    return found


def _places(
    matrix: np.ndarray, offset: np.ndarray, deformation: Deformation
) -> Iterator[tuple[slice, np.ndarray]]:
    """Indices of the stack that some slices after the other show, (3, slices, H, W)."""
    depth, height, width = deformation.shape
    few = max(1, VOXELS_AT_ONCE // (height * width))
    for first in range(0, depth, few):
        slices = slice(first, min(first + few, depth))
        at = np.mgrid[slices, :height, :width].astype(np.float32) - deformation.shifts(slices)
        yield slices, np.tensordot(matrix, at, 1) + offset[:, None, None, None]


def spline_coefficients(image: np.ndarray, order: Literal[1, 3, 5]) -> np.ndarray:
    """Of an image that is continued by its border, as `affine_transform` does, by `SPLINE_MARGIN` voxels."""
    continued = np.pad(image, SPLINE_MARGIN, mode="edge")
    return np.asarray(scipy.ndimage.spline_filter(continued, order, output=np.float32, mode="nearest"))


def is_within(index: np.ndarray, size: int) -> np.ndarray:
    """Which indices lie in an array of so many voxels along an axis."""
    # A hair of tolerance, so that rounding does not take away the outermost slice of an equal grid.
    return np.asarray((index >= -0.501) & (index <= size - 0.499))


def to_stack(
    stack_shape: tuple[int, ...], voxel: Triple, pose: Pose, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and offset that lead from indices of the volume to those of the stack."""
    angle = np.deg2rad(pose.angle)
    turned_back = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])
    matrix = turned_back / np.asarray(voxel, float)[:, None]
    middle, own = ((np.asarray(size, float) - 1) / 2 for size in (shape, stack_shape[:3]))
    return matrix, own - matrix @ (middle + np.asarray(pose.shift))
