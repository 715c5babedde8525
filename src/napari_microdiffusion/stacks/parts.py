"""A part of a plane to try settings on: what a rectangle marks, or what the window shows."""

from typing import Any

import numpy as np

Part = tuple[slice, slice]
"""Rows and columns."""

LEAST, MOST = 32, 128
"""Pixels along a side, as far as there are so many: enough to see something, and done in seconds."""


def part_marked(layer: Any, layers: Any, active: Any) -> Part:
    """The part of a layer that the last shape of a visible Shapes layer marks, or else what is on screen.

    Parameters
    ----------
    layer : napari.layers.Image
    layers : iterable of layers
        From bottom to top.
    active : layer or None
        The selected one, which goes before others.
    """
    drawn = [one for one in layers if hasattr(one, "shape_type") and one.visible and len(one.data)]
    if not drawn:
        low, high = np.asarray(layer.corner_pixels)[:, -2:]
        if layer.multiscale:
            # They count the pixels of the resolution that is shown.
            factors = layer.downsample_factors[layer.data_level][-2:]
            low, high = low * factors, high * factors
        return part_between(low, high, layer.data.shape[-2:])
    shapes = active if active in drawn else drawn[-1]
    corners = np.asarray(shapes.data[-1])
    depth = np.zeros(layer.ndim - 2)
    seen = [layer.world_to_data((*depth, *shapes.data_to_world(corner)[-2:]))[-2:] for corner in corners]
    return part_between(np.min(seen, axis=0), np.max(seen, axis=0), layer.data.shape[-2:])


def part_between(low: Any, high: Any, plane: tuple[int, ...]) -> Part:
    """Rows and columns between two corners, widened to `LEAST` and narrowed to `MOST` around their middle.

    Corners without an area between them, as without a window, stand for the middle of the plane.
    """
    found = []
    is_empty = np.any(np.asarray(high) <= np.asarray(low))
    for start, stop, size in zip(low, high, plane, strict=True):
        first, last = (
            (0.0, float(size)) if is_empty else (max(float(start), 0.0), min(float(stop), float(size)))
        )
        side = int(min(max(round(last - first), LEAST), MOST, size))
        begin = int(min(max(round((first + last - side) / 2), 0), size - side))
        found.append(slice(begin, begin + side))
    return found[0], found[1]
