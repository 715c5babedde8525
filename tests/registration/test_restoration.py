"""What resampling blurs is put back where it is more than the reference's noise."""

import numpy as np
import pytest

from napari_microdiffusion.registration.deformation import Deformation
from napari_microdiffusion.registration.pose import Pose
from napari_microdiffusion.registration.restoration import restored
from napari_microdiffusion.registration.rigid import resampled

SHAPE = (12, 20, 24)
ONE = (1.0, 1.0, 1.0)
HALF = Pose((0.5, -0.4, 0.5), 1.5)


@pytest.fixture
def speckles(rng):
    """Single bright voxels, which no shift by parts of a voxel can carry."""
    return (rng.uniform(size=SHAPE) > 0.97).astype(np.float32)


def back_at(pose):
    """Where a volume lies that was put at a pose, about the same centre."""
    angle = np.deg2rad(pose.angle)
    (z, y, x), (c, s) = pose.shift, (np.cos(angle), np.sin(angle))
    return Pose((-z, -c * y - s * x, s * y - c * x), -pose.angle)


def error(found, truth):
    inner = np.s_[2:-2, 3:-3, 3:-3]
    return float(np.sqrt(np.square(found[inner] - truth[inner]).mean()))


@pytest.mark.parametrize("shift", [None, (0.4, -0.3, 0.2)])
def test_what_is_as_fine_as_voxels_comes_back(speckles, shift):
    pose, bent = HALF, None
    if shift is not None:
        # One shift everywhere, as a deformation of what the pose has moved.
        bent = Deformation(np.broadcast_to(np.float32(shift)[:, None, None, None], (3, 2, 2, 2)), SHAPE)
        pose = Pose(tuple(a + b for a, b in zip(HALF.shift, shift, strict=True)), HALF.angle)
    stack = np.maximum(resampled(speckles, ONE, back_at(pose), SHAPE, 3), 0)
    blurred = resampled(stack, ONE, HALF, SHAPE, 5, bent)
    found = restored(stack, ONE, HALF, SHAPE, 0.01, bent)
    assert error(found, speckles) < 0.75 * error(blurred, speckles)
    assert found.min() >= stack.min()


def test_what_is_left_of_noise_is_not_put_back(rng):
    left = rng.normal(0, 0.2, SHAPE).astype(np.float32)
    np.testing.assert_array_equal(restored(left, ONE, HALF, SHAPE, 1.0), resampled(left, ONE, HALF, SHAPE, 5))


def test_voxels_of_another_size_are_resampled_alone(speckles):
    voxel = (2.0, 1.0, 1.0)
    np.testing.assert_array_equal(
        restored(speckles, voxel, HALF, (24, 20, 24), 0.0), resampled(speckles, voxel, HALF, (24, 20, 24), 5)
    )


def test_a_stack_that_lies_beside_the_volume_is_left_alone(speckles):
    far = Pose((0.0, 100.0, 0.0))
    np.testing.assert_array_equal(
        restored(speckles, ONE, far, SHAPE, 0.0), resampled(speckles, ONE, far, SHAPE, 5)
    )
