"""A reference as it is given to a run."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import UserError
from ..optics.placement import StackPlacement
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

    @classmethod
    def lying(
        cls,
        data: Any,
        placement: StackPlacement,
        volume_shape: tuple[int, int, int],
        volume: StackPlacement,
        *,
        name: str,
        by_hand: bool = False,
        about: dict[str, Any] | None = None,
    ) -> "ReferenceStack":
        """A reference by where it and the volume lie.

        Where the spacing of either is not known both are taken for the same, and a note says so.

        Parameters
        ----------
        data : array_like, shape (D, H', W')
            May be lazy.
        placement : StackPlacement
        volume_shape : tuple of int
        volume : StackPlacement
            Of the volume that the projections become.
        name : str
        by_hand : bool
            Whether it is taken where it lies, instead of found.
        about : dict, optional
        """
        notes = []
        spacing = volume.scale if volume.is_known and volume.units == placement.units else None
        own = placement.scale if spacing is not None else (1.0, 1.0, 1.0)
        unit = spacing or (1.0, 1.0, 1.0)
        if spacing is None:
            notes.append(f"{name}: its voxels are taken to be those of the volume; no file says otherwise.")
        place = None
        if by_hand:
            turned = np.array(placement.rotate)
            middles = [
                np.array(stack.translate) + turn @ (np.array(scale) * (np.array(shape) - 1) / 2)
                for stack, turn, scale, shape in (
                    (placement, turned, placement.scale, data.shape),
                    (volume, np.eye(3), volume.scale, volume_shape),
                )
            ]
            z, y, x = (float(value) for value in (middles[0] - middles[1]) / np.array(volume.scale))
            place = Pose((z, y, x), float(np.rad2deg(np.arctan2(turned[2, 1], turned[1, 1]))))
        z, y, x = (size / other for size, other in zip(own, unit, strict=True))
        is_um = spacing is not None and volume.units[0] in ("um", "micrometer", "micron")
        return cls(data, (z, y, x), place, spacing if is_um else None, name, about or {}, tuple(notes))

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
