"""A reference as it is given to a run."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import UserError
from .pose import Pose, Triple

# A voxel of the reference is at most so many times larger or smaller than the volume's.
_MOST = 50.0


@dataclass(frozen=True, eq=False)
class ReferenceStack:
    """A point-scanned stack of the tissue that the projections are of.

    Attributes
    ----------
    data : ndarray, shape (D, H', W')
        Any real type and unit of intensity.
    voxel : tuple of 3 floats
        Voxel size (z, y, x) in voxels of the volume, whose slices are a step length thinner than a slab.
    place : Pose or None
        Where it lies, set by hand; None to have it found.
    spacing : tuple of 3 floats or None
        Of the volume's voxels in um, for messages.
    name : str
    about : dict
        What was read, for the provenance.
    notes : tuple of str
        Sentences on what was assumed.
    """

    data: np.ndarray
    voxel: Triple = (1.0, 1.0, 1.0)
    place: Pose | None = None
    spacing: Triple | None = None
    name: str = "the reference"
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what cannot be a reference.

        Raises
        ------
        UserError
        """
        data, name = self.data, self.name
        if np.dtype(data.dtype).kind not in "uif":
            raise UserError(f"{name}: pixels of type {data.dtype}; a reference needs whole or real numbers.")
        if data.ndim != 3 or min(data.shape) < 2:
            raise UserError(
                f"{name}: of shape {tuple(data.shape)}; a reference is a stack of slices, (z, y, x), of at "
                "least 2 x 2 x 2 voxels."
            )
        if not np.isfinite(data).all():
            raise UserError(f"{name}: NaN or infinite voxels; every voxel of a reference must be a number.")
        if float(data.min()) == float(data.max()):
            raise UserError(f"{name}: every voxel has the same value; it tells nothing of the tissue.")
        if not all(1 / _MOST <= size <= _MOST for size in self.voxel):
            sizes = " x ".join(f"{size:.3g}" for size in self.voxel)
            raise UserError(
                f"{name}: its voxels are {sizes} times those of the volume (z, y, x); check the voxel size "
                "of both files and the step length."
            )
