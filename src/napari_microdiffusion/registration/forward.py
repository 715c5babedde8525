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

    @property
    def margin(self) -> tuple[int, int]:
        """Rows and columns by which a voxel's light is displaced at most."""
        if self._disjoint is not None:
            return 0, 0
        return BeamOperator(self.acquisition.beams, self.step_length, (self.slabs, 1, 1)).margin

    def mean_over_projections(self, ratio: np.ndarray) -> np.ndarray:
        """For each voxel (N*n, H, W) the mean of a quantity of the pixels (V*N, H, W) that see it."""
        _, height, width = ratio.shape
        operator = BeamOperator(self.acquisition.beams, self.step_length, (self.slabs, height, width))
        seen, total = operator.adjoint(np.ones_like(ratio)), operator.adjoint(ratio)
        return operator.crop(np.divide(total, seen, out=np.ones_like(total), where=seen > 0))
