"""Stacks on the voxels of a volume."""

import numpy as np
import pytest

from napari_microdiffusion.registration.deformation import Deformation
from napari_microdiffusion.registration.pose import Pose
from napari_microdiffusion.registration.rigid import covered, resampled, without_aliasing


def test_a_stack_of_the_volumes_voxels_stays_as_it_is(rng):
    stack = rng.random((4, 6, 8)).astype(np.float32)
    np.testing.assert_allclose(resampled(stack, (1, 1, 1), Pose(), stack.shape), stack, atol=1e-6)
    assert covered(stack.shape, (1, 1, 1), Pose(), stack.shape).all()


def test_a_shift_moves_the_stack_forwards():
    stack = np.zeros((5, 7, 9), np.float32)
    stack[2, 3, 4] = 1
    moved = resampled(stack, (1, 1, 1), Pose((1, -2, 3)), stack.shape)
    assert np.unravel_index(moved.argmax(), moved.shape) == (3, 1, 7)
    reached = covered(stack.shape, (1, 1, 1), Pose((1, -2, 3)), stack.shape)
    assert not reached[0].any()
    assert not reached[:, -2:].any()
    assert not reached[..., :3].any()
    assert reached[1:, :-2, 3:].all()


def test_a_quarter_turn_leads_from_y_to_x():
    stack = np.zeros((1, 9, 9), np.float32)
    stack[0, 6, 4] = 1
    turned = resampled(stack, (1, 1, 1), Pose(angle=90), stack.shape)
    assert np.unravel_index(turned.argmax(), turned.shape) == (0, 4, 6)
    moved = resampled(stack, (1, 1, 1), Pose((0, 1, 0), angle=90), stack.shape)
    assert np.unravel_index(moved.argmax(), moved.shape) == (0, 5, 6)


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_voxels_of_another_size_lie_where_they_belong(size):
    places = np.arange(12) * size
    stack = np.broadcast_to(places[:, None, None], (12, 3, 3)).astype(np.float32)
    depth = int(12 * size)
    found = resampled(stack, (size, 1, 1), Pose(), (depth, 3, 3))
    middle = slice(depth // 4, 3 * depth // 4)
    # Centres of equal extents: half a voxel is half of its own size.
    expected = np.arange(depth) - (size - 1) / 2
    np.testing.assert_allclose(found[middle, 1, 1], expected[middle], atol=1e-5)


def test_fine_voxels_are_averaged_and_coarse_ones_are_not(rng):
    noise = rng.normal(size=(24, 24, 24)).astype(np.float32)
    assert without_aliasing(noise, (1, 2, 3)) is noise
    assert without_aliasing(noise, (0.25, 1, 1)).std() < 0.7 * noise.std()


@pytest.mark.parametrize("order", [1, 5])
def test_a_deformation_that_is_the_same_everywhere_is_a_shift(rng, order):
    stack, shape = rng.random((9, 10, 11)).astype(np.float32), (9, 10, 11)
    nodes = np.broadcast_to(np.array([1.5, -2, 0.25], np.float32)[:, None, None, None], (3, 2, 3, 2))
    shift = Pose((1.5, -2, 0.25))
    even = Deformation(nodes, shape)
    np.testing.assert_allclose(
        resampled(stack, (1, 1, 1), Pose(), shape, order, even),
        resampled(stack, (1, 1, 1), shift, shape, order),
        atol=1e-4,
    )
    np.testing.assert_array_equal(
        covered(stack.shape, (1, 1, 1), Pose(), shape, even), covered(stack.shape, (1, 1, 1), shift, shape)
    )


def test_shifts_that_grow_evenly_from_edge_to_edge_are_met_exactly():
    nodes = np.zeros((3, 3, 4, 5), np.float32)
    nodes[2] = np.arange(5)
    shifts = Deformation(nodes, (6, 8, 12)).shifts(slice(2, 4))
    assert shifts.shape == (3, 2, 8, 12)
    np.testing.assert_allclose(shifts[2, 1, 3], (np.arange(12) + 0.5) / 3, atol=1e-5)
    np.testing.assert_allclose(shifts[:2], 0, atol=1e-6)
