"""A reference on the voxels of a volume, with what is as fine as the voxels put back."""

from collections.abc import Callable, Iterator

import numpy as np
import scipy

from ..optics.operators.conjugate_gradients import unchecked
from .deformation import Deformation
from .pose import Pose, Triple
from .rigid import SPLINE_MARGIN, VOXELS_AT_ONCE, is_within, resampled, spline_coefficients, to_stack

# Mean square, relative to that of the noise, above which what a stack lost by being resampled is put back: of
# twenty volumes with 200 photons eighteen lose less, and what would be put back there is noise; a sharp
# one loses 0.5. How often at most, and how far a voxel's size may be from the volume's for it.
_LOST, _TIMES, _ALIKE = 0.07, 3, 0.1
# How often a voxel's place in a deformed volume is corrected by the shift that is found there.
_CORRECTIONS = 2


def restored(
    stack: np.ndarray,
    voxel: Triple,
    pose: Pose,
    shape: tuple[int, int, int],
    noise: float,
    deformation: Deformation | None = None,
    check: Callable[[], None] = unchecked,
) -> np.ndarray:
    """The stack on the voxels of a volume, with what `resampled` blurs put back where it is more than noise.

    Resampled onto the stack's own voxels the volume should be the stack, to within a part of its noise. What
    is as fine as the voxels does not survive the way there and back, and is added until it does (Van
    Cittert's iteration, with nothing darker than the stack's darkest). Only where voxels are about as large.

    Parameters
    ----------
    stack, voxel, pose, shape, deformation
        As of `resampled`.
    noise : float
        Standard deviation of the noise in the stack as it was recorded; most of it may be gone.
    check : callable
        Called now and then; may raise to leave.

    Returns
    -------
    ndarray of `shape`, float32
    """
    image = np.asarray(stack, np.float32)
    volume = resampled(image, voxel, pose, shape, 5, deformation)
    if max(abs(size - 1) for size in voxel) > _ALIKE:
        return volume
    darkest = image.min()
    for _ in range(_TIMES):
        lost, count = np.zeros_like(image), 0
        for slices, seen, there in _way_back(volume, image.shape, voxel, pose, deformation):
            check()
            lost[slices] = np.where(seen, image[slices] - there, 0)
            count += int(seen.sum())
        if np.square(lost, dtype=np.float64).sum() <= _LOST * noise**2 * count:
            break
        volume = np.maximum(volume + resampled(lost, voxel, pose, shape, 5, deformation), darkest)
    return volume


def _way_back(
    volume: np.ndarray,
    stack_shape: tuple[int, ...],
    voxel: Triple,
    pose: Pose,
    deformation: Deformation | None,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Some slices of the stack after the other: which voxels the volume reaches, and what it has there."""
    depth, height, width = volume.shape
    matrix, offset = to_stack(stack_shape, voxel, pose, (depth, height, width))
    back = np.linalg.inv(matrix)
    image = spline_coefficients(volume, 3)
    few = max(1, VOXELS_AT_ONCE // (stack_shape[1] * stack_shape[2]))
    for first in range(0, stack_shape[0], few):
        slices = slice(first, min(first + few, stack_shape[0]))
        own = np.mgrid[slices, : stack_shape[1], : stack_shape[2]] - offset[:, None, None, None]
        rigid = np.tensordot(back, own, 1)
        places = rigid
        if deformation is not None:
            for _ in range(_CORRECTIONS):
                places = rigid + _shifts_at(deformation, places)
        within = [is_within(place, size) for place, size in zip(places, volume.shape, strict=True)]
        there = scipy.ndimage.map_coordinates(
            image, places + SPLINE_MARGIN, np.float32, order=3, mode="nearest", prefilter=False
        )
        yield slices, np.logical_and.reduce(within), there


def _shifts_at(deformation: Deformation, places: np.ndarray) -> np.ndarray:
    """The shifts of the voxels nearest to places (3, ...); they hardly change from one to the next."""
    z, y, x = (
        np.clip(np.rint(place).astype(int), 0, size - 1)
        for place, size in zip(places, deformation.shape, strict=True)
    )
    return deformation.shifts(slice(int(z.min()), int(z.max()) + 1))[:, z - z.min(), y, x]
