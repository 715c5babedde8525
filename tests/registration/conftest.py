"""Tissue, its projections, and references of it that lie elsewhere."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.registration.pose import Pose
from napari_microdiffusion.specimens import make_specimen

N, SLABS, SIDE, MARGIN = 4, 6, 40, 8


def lying_at(volume: np.ndarray, pose: Pose) -> np.ndarray:
    """The stack that, put there, is the volume."""
    angle = np.deg2rad(pose.angle)
    turned = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    middle = (np.array(volume.shape) - 1) / 2
    offset = middle + pose.shift - turned @ middle
    return affine_transform(volume, turned, offset, order=3, mode="nearest")


def inner(volume: np.ndarray) -> np.ndarray:
    """The volume that is projected, of a larger piece of tissue."""
    return np.ascontiguousarray(volume[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN])


@pytest.fixture(scope="package")
def tissue() -> np.ndarray:
    """Larger than what is projected of it."""
    shape = (N * SLABS + 2 * MARGIN, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)
    return 1000 * make_specimen("vasculature", shape, 5)


@pytest.fixture(scope="package")
def acquisition() -> Acquisition:
    return Acquisition(step_length=N)


@pytest.fixture(scope="package")
def projections(tissue, acquisition) -> np.ndarray:
    return simulate_projections(inner(tissue), acquisition)
