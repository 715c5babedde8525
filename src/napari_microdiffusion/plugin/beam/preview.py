"""The beam as a small image among the specimen, so that its length, bend and tilt can be seen at scale."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from ...optics import Acquisition
from ...optics.beam.sampling import SampledBeam
from ..layers.metadata import METADATA_KEY
from ..layers.placement import Placement

if TYPE_CHECKING:
    from napari import Viewer

NAME = "beam"
# Lateral full width at half maximum with which it is drawn, in pixels: the beam itself is thinner than one.
THICKNESS = 2.0
# Pixels. A beam that is bent farther says more by its numbers than by a picture.
WIDEST = 512

_COLOURS = ("cyan", "magenta")


def beam_image(beam: SampledBeam) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The light of a beam in voxels, and where its first voxel lies from the axis and the slab's first slice.

    Parameters
    ----------
    beam : SampledBeam

    Returns
    -------
    image : ndarray, shape (L, H, W), float32
        Largest value 1.
    origin : tuple of 3 int
        Slice, row and column of `image[0, 0, 0]`.

    Raises
    ------
    UserError
        For a beam that is displaced too far to be drawn.
    """
    margin = int(np.ceil(2 * THICKNESS))
    low = np.floor(beam.displacement.min(axis=0)).astype(int) - margin
    high = np.ceil(beam.displacement.max(axis=0)).astype(int) + margin
    height, width = (int(size) for size in high - low + 1)
    if max(height, width) > WIDEST:
        raise UserError(
            f"the beam is {max(height, width)} pixels wide, too wide to be drawn; lower bend or tilt"
        )
    image = np.zeros((len(beam.profile), height, width), np.float32)
    rows, columns = np.arange(height) + low[0], np.arange(width) + low[1]
    fall = 4 * np.log(2) / THICKNESS**2
    for place, weight, (dy, dx) in zip(
        beam.slices - beam.first, beam.weights, beam.displacement, strict=True
    ):
        image[place] += weight * np.exp(-fall * ((rows[:, None] - dy) ** 2 + (columns - dx) ** 2))
    return image / image.max(), (beam.first, int(low[0]), int(low[1]))


def show_beam(
    viewer: "Viewer", acquisition: Acquisition, volume: Placement, shape: tuple[int, int, int]
) -> list[Any]:
    """Add the beam of each view to the viewer, or show another one in the layers that are there.

    Parameters
    ----------
    viewer : napari.Viewer
    acquisition : Acquisition
    volume : Placement
        Of the volume; the beam is drawn through its middle slab.
    shape : tuple of int
        The volume's slices, rows and columns.

    Returns
    -------
    list of napari.layers.Image
    """
    n = acquisition.step_length
    middle = (shape[0] // n // 2 * n, shape[1] // 2, shape[2] // 2)
    for layer in [
        layer for layer in viewer.layers if layer.metadata.get(METADATA_KEY, {}).get("role") == NAME
    ]:
        viewer.layers.remove(layer)
    made = []
    for view, beam in enumerate(acquisition.beams):
        image, origin = beam_image(beam)
        place = [
            t + s * (o + m) for t, s, o, m in zip(volume.translate, volume.scale, origin, middle, strict=True)
        ]
        arguments = volume.layer_arguments() | {"translate": place}
        made.append(
            viewer.add_image(
                image,
                name=NAME if view == 0 else f"{NAME}, mirrored",
                colormap=_COLOURS[view],
                blending="additive",
                contrast_limits=(0, 1),
                metadata={METADATA_KEY: {"role": NAME}},
                **arguments,
            )
        )
    return made
