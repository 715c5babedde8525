"""Tissue, its projections, and references of it that lie elsewhere."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, map_coordinates

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


def deformed(volume: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """A stack whose tissue has moved smoothly from place to place, and by how much (z, y, x)."""
    z, y, x = (
        np.linspace(0, np.pi, size).reshape(at)
        for size, at in zip(volume.shape, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
    )
    parts = (0.6 * np.cos(y) * np.cos(x), np.sin(y) * np.cos(x), np.cos(z) * np.cos(y) * np.sin(x))
    shifts = np.stack([most * np.broadcast_to(part, volume.shape) for part in parts])
    places = np.mgrid[tuple(slice(size) for size in volume.shape)] + shifts
    return map_coordinates(volume, places, order=3, mode="nearest"), shifts


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
