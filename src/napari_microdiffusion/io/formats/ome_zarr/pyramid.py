"""An image at several resolutions, each half as many pixels along y and x as the one before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_SMALL_ENOUGH = 512


def shapes_of_resolutions(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Shapes from the full resolution on, until neither of the last two axes, y and x, is above 512."""
    shapes = [tuple(shape)]
    while max(shapes[-1][-2:]) > _SMALL_ENOUGH:
        *before, rows, columns = shapes[-1]
        shapes.append((*before, -(-rows // 2), -(-columns // 2)))
    return shapes


def halved(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The means over squares of two by two pixels, of those that have a value; NaN where none has.

    At the end of an odd number of rows or columns, a square has only what is left of it.
    """
    rows, columns = plane.shape
    # A pixel that is repeated does not change the mean of those that are there.
    is_odd = rows % 2 or columns % 2
    whole = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge") if is_odd else plane
    corners = [whole[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    with np.errstate(invalid="ignore"):
        means = np.add(corners[0], corners[1], dtype=np.float64)
        for corner in corners[2:]:
            means += corner
        means /= len(corners)
        if np.isnan(means).any():
            means = np.zeros(corners[0].shape)
            count = np.zeros(corners[0].shape, np.uint8)
            for corner in corners:
                has_value = ~np.isnan(corner)
                np.add(means, corner, out=means, where=has_value)
                count += has_value
            means /= count
    if plane.dtype.kind in "iu":
        means = np.rint(means)
    return means.astype(plane.dtype)
