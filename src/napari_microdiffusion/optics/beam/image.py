"""A beam as a small image, so that its length, bend and tilt can be seen at scale."""

import numpy as np

from ...errors import UserError
from .sampling import SampledBeam

# Lateral full width at half maximum with which it is drawn, in pixels: the beam itself is thinner than one.
THICKNESS = 2.0
# Pixels. A beam that is bent farther says more by its numbers than by a picture.
WIDEST = 512


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
