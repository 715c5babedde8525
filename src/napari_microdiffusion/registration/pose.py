"""Where a reference stack lies in the volume: a shift, and a rotation about the axis of the beam."""

from dataclasses import dataclass

import numpy as np

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """Position of a stack relative to a volume whose centre it would share.

    Attributes
    ----------
    shift : tuple of 3 floats
        (z, y, x) in voxels of the volume, of the stack's centre from the volume's.
    angle : float
        Degrees about the axis z, from y towards x.
    """

    shift: Triple = (0.0, 0.0, 0.0)
    angle: float = 0.0

    def moved(self, step: np.ndarray) -> "Pose":
        """Shifted and turned by a step (z, y, x in voxels, angle in degrees)."""
        z, y, x = (float(own + more) for own, more in zip(self.shift, step[:3], strict=True))
        return Pose((z, y, x), self.angle + float(step[3]))
