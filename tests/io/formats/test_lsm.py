"""Stacks of Zeiss LSM."""

from pathlib import Path

import numpy as np

from napari_microdiffusion.io import read_image

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
