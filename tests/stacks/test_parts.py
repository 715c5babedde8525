"""The part of a plane to try settings on."""

import numpy as np
import pytest

pytest.importorskip("napari", reason="layers are napari's")

from napari.layers import Image, Shapes

from napari_microdiffusion.stacks.parts import LEAST, MOST, part_between, part_marked
from napari_microdiffusion.stacks.stack import Stack


@pytest.mark.parametrize(
    ("low", "high", "rows", "columns"),
    [
        ((10, 20), (70, 100), (10, 70), (20, 100)),
        ((100, 100), (110, 104), (100 - (LEAST - 10) // 2, 100 + 10 + (LEAST - 10) // 2), (86, 118)),
        ((-50, -9), (20, 5), (0, LEAST), (0, LEAST)),
        ((0, 0), (500, 500), (250 - MOST // 2, 250 + MOST // 2), (250 - MOST // 2, 250 + MOST // 2)),
        ((3, 3), (3, 3), (250 - MOST // 2, 250 + MOST // 2), (250 - MOST // 2, 250 + MOST // 2)),
    ],
)
def test_a_part_is_neither_too_small_nor_too_large_and_inside(low, high, rows, columns):
    y, x = part_between(low, high, (500, 500))
    assert ((y.start, y.stop), (x.start, x.stop)) == (rows, columns)


def test_small_planes_are_taken_whole():
    assert part_between((0, 0), (9, 9), (20, 500))[0] == slice(0, 20)


def test_a_rectangle_marks_a_part_whatever_the_scale():
    image = Image(np.zeros((4, 200, 200)), scale=(6, 0.5, 0.5), translate=(0, 10, 20))
    shapes = Shapes([[[20, 40], [20, 70], [60, 70], [60, 40]]], shape_type="rectangle")
    y, x = part_marked(image, [image, shapes], image)
    assert ((y.start, y.stop), (x.start, x.stop)) == ((20, 100), (40, 100))
    part = Stack(image, part=(y, x))
    assert part.data.shape == part.shape == (4, 80, 60)
    assert part.placement.translate == (0, 20, 40)
    shapes.visible = False
    assert part_marked(image, [image, shapes], image)[0].start == (200 - MOST) // 2
