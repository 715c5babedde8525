"""What the microscope would have recorded of a volume, whatever its lateral size."""

import numpy as np

from ..optics import Acquisition, BeamOperator, ProjectionOperator


class Forward:
    """The forward operator of an acquisition for volumes of N*n slices and any rows and columns.

    Parameters
    ----------
    acquisition : Acquisition
    slabs : int
        N, of each view.
    """

    def __init__(self, acquisition: Acquisition, slabs: int) -> None:
        self.acquisition, self.slabs = acquisition, slabs
        self.step_length, self.depth = acquisition.step_length, slabs * acquisition.step_length
        self._disjoint = ProjectionOperator(acquisition.profile) if acquisition.is_disjoint else None

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        """Projections (V*N, H, W) of a volume (N*n, H, W)."""
        if self._disjoint is not None:
            return np.asarray(self._disjoint.project(volume))
        _, height, width = volume.shape
        operator = BeamOperator(self.acquisition.beams, self.step_length, (self.slabs, height, width))
        return operator.project(operator.extend(volume))
