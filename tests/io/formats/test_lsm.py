"""Stacks of Zeiss LSM."""

from pathlib import Path

import numpy as np

from napari_microdiffusion.io import read_image
from napari_microdiffusion.io.formats.lsm import lsm_metadata

from ..golden import ramp, write_lsm


class TestLsm:
    def test_scale_and_pixels(self, tmp_path: Path) -> None:
        write_lsm(tmp_path / "stack.lsm", ramp(), (1.5, 0.25, 0.25))
        image = read_image(tmp_path / "stack.lsm")
        np.testing.assert_array_equal(image.data, ramp())
        assert (image.axes, image.scale, image.name) == ("zyx", (1.5, 0.25, 0.25), "stack")
        assert image.metadata["format"] == "LSM"
        assert image.metadata["notes"] == []

    def test_channels(self, tmp_path: Path) -> None:
        data = ramp((4, 3, 7, 9))
        write_lsm(tmp_path / "stack.lsm", data, (1.5, 0.25, 0.25))
        image = read_image(tmp_path / "stack.lsm")
        np.testing.assert_array_equal(image.data, data.swapaxes(0, 1))


def test_lsm_lengths_are_metres() -> None:
    header = {
        "VoxelSizeX": 2.5e-7,
        "VoxelSizeY": 2.5e-7,
        "VoxelSizeZ": 1.5e-6,
        "ChannelColors": {"ColorNames": ["a", "b"]},
    }
    metadata = lsm_metadata(header)
    assert (metadata.scale, metadata.unit, metadata.channels) == ((1.5, 0.25, 0.25), "um", ("a", "b"))


def test_lsm_without_depth_has_no_scale() -> None:
    metadata = lsm_metadata({"VoxelSizeX": 2.5e-7, "VoxelSizeY": 2.5e-7, "VoxelSizeZ": 0.0})
    assert (metadata.scale, metadata.pixel_size) == (None, (0.25, 0.25))
