"""The picture of a beam."""

import numpy as np

from napari_microdiffusion.optics import Acquisition
from napari_microdiffusion.optics.beam.image import beam_image


def test_the_picture_of_a_beam_has_its_length_and_bend():
    beam = Acquisition(step_length=6, beam="airy", width=8, bend=0.2).sampled_beam
    image, (first, top, left) = beam_image(beam)
    assert (len(image), first) == (len(beam.profile), beam.first)
    light = image.sum(axis=(1, 2))
    np.testing.assert_allclose(light / light.sum(), beam.profile, rtol=1e-4)
    columns = (image.sum(axis=1) @ (np.arange(image.shape[2]) + left)) / light
    np.testing.assert_allclose(columns, beam.displacement[:, 1], atol=0.02)
    rows = (image.sum(axis=2) @ (np.arange(image.shape[1]) + top)) / light
    np.testing.assert_allclose(rows, 0, atol=1e-4)
