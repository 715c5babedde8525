"""The beam as a small image among the specimen, so that its length, bend and tilt can be seen at scale."""

from typing import Any

from napari import Viewer

from ...optics import Acquisition
from ...optics.beam.image import beam_image
from ...stacks.metadata import METADATA_KEY
from ...stacks.placement import Placement

NAME = "beam"
_COLOURS = ("cyan", "magenta")


def show_beam(
    viewer: Viewer, acquisition: Acquisition, volume: Placement, shape: tuple[int, int, int]
) -> list[Any]:
    """Add the beam of each view to the viewer, or show another one in the layers that are there.

    Parameters
    ----------
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
        z, y, x = (first + at for first, at in zip(origin, middle, strict=True))
        arguments = volume.of_part(z, y, x).layer_arguments()
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
