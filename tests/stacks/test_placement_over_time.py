"""Frames lie where a stack lies, along a time axis of their own."""

import napari.layers
import numpy as np

from napari_microdiffusion.stacks.placement import Placement


def test_frames_lie_where_their_stack_does_also_turned():
    turn = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
    affine = np.eye(4)
    affine[:3, 3] = 5, 6, 7
    place = Placement(
        (2.0, 0.5, 0.5), (10.0, 20.0, 30.0), ("um",) * 3, turn, (0.1, 0.2, 0.3), tuple(map(tuple, affine))
    )
    stack = napari.layers.Image(np.zeros((3, 4, 5)), **place.layer_arguments())
    frames = napari.layers.Image(np.zeros((2, 3, 4, 5)), **place.over_time(0.1, 3.0, "s"))
    for corner in ((0, 0, 0), (2, 3, 4), (1, 0, 4)):
        found = frames.data_to_world((1, *corner))
        np.testing.assert_allclose(found[1:], stack.data_to_world(corner))
        np.testing.assert_allclose(found[0], 3.1)
    assert Placement.of_layer(frames) == Placement.of_layer(stack)
    assert str(frames.units[0]) == "second"
