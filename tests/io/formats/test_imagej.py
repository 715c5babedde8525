"""Hyperstacks of ImageJ and Fiji."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import open_image, read_image
from napari_microdiffusion.io.formats.imagej import imagej_metadata

from ..golden import ramp


def test_imagej_units_of_each_axis() -> None:
    metadata = imagej_metadata({"unit": "nm", "zunit": "um", "spacing": 3}, (0.004, 0.004))
    assert metadata.scale == (3.0, 0.25, 0.25)


def test_imagej_printer_resolution_is_no_scale() -> None:
    metadata = imagej_metadata({"spacing": 4.0}, (72.0, 72.0), 2)
    assert (metadata.scale, metadata.unit) == ((4.0, 1.0, 1.0), "pixel")


@pytest.mark.parametrize("spacing", [0, "nan", "inf", "deep", True, None])
def test_imagej_spacing_that_is_none(spacing: object) -> None:
    metadata = imagej_metadata({"unit": "um", "spacing": spacing}, (2.0, None))
    assert (metadata.scale, metadata.pixel_size) == (None, None)


def test_imagej_properties_hold_own_keys_too() -> None:
    assert imagej_metadata({"Properties": {"microdiffusion.step_length": "8"}}, (None, None)).step_length == 8


def described(path: Path, planes: np.ndarray, text: str, **options: Any) -> None:
    with tifffile.TiffWriter(path, byteorder=">") as writer:
        for number, plane in enumerate(planes):
            about = f"ImageJ=1.54f\n{text}".encode() if number == 0 else None
            writer.write(
                plane, metadata=None, contiguous=False, photometric="minisblack", description=about, **options
            )


class TestSignedNumbers:
    """Fiji stores int16 shifted by 32768, and says so in a calibration function."""

    text = "images=5\nslices=5\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=gray value\n"

    def test_they_come_back_as_they_were(self, tmp_path: Path) -> None:
        data = ramp((5, 7, 9), "int32").astype("int16") - 100
        shifted = (data.astype("int32") + 32768).astype("uint16")
        described(tmp_path / "a.tif", shifted, self.text)
        image = read_image(tmp_path / "a.tif")
        assert image.data.dtype == np.int16
        np.testing.assert_array_equal(image.data, data)
        assert image.metadata["notes"] == []
        with open_image(tmp_path / "a.tif") as opened:
            np.testing.assert_array_equal(opened.data[3], data[3])
            assert opened.data.dtype == np.int16

    def test_another_calibration_is_noted(self, tmp_path: Path) -> None:
        described(tmp_path / "a.tif", ramp(), self.text.replace("-32768.0", "12.5"))
        image = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.data, ramp())
        assert "calibration of its grey values, which is not applied" in image.metadata["notes"][0]


class TestLostStructure:
    @pytest.mark.parametrize("text", ["images=8\nslices=4\n", "images=8\nchannels=2\nslices=3\n"])
    def test_sizes_that_do_not_fit_the_pages(self, tmp_path: Path, text: str) -> None:
        described(tmp_path / "a.tif", ramp((8, 7, 9)), text)
        with pytest.raises(UserError, match=r"has 8 planes, which do not fit its ImageJ header"):
            read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif", axes="zyx").data, ramp((8, 7, 9)))

    def test_planes_alone_are_a_stack_as_in_fiji(self, tmp_path: Path) -> None:
        described(tmp_path / "a.tif", ramp((8, 7, 9)), "images=8\n")
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, ramp((8, 7, 9)))


@pytest.mark.parametrize("raw", [b"\xb5m", "µm".encode(), b"\\u00B5m", "\N{GREEK SMALL LETTER MU}m".encode()])
def test_every_way_to_write_a_micrometre(tmp_path: Path, raw: bytes) -> None:
    text = b"ImageJ=1.54f\nimages=5\nslices=5\nunit=" + raw + b"\nspacing=3.0\n"
    tifffile.imwrite(
        tmp_path / "a.tif",
        ramp(),
        photometric="minisblack",
        metadata=None,
        resolution=(2, 2),
        resolutionunit=1,
        description=text,
    )
    assert read_image(tmp_path / "a.tif").scale == (3.0, 0.5, 0.5)


def test_a_unit_that_is_not_understood_is_noted() -> None:
    metadata = imagej_metadata({"unit": "verst", "spacing": 3}, (2.0, 2.0))
    assert metadata.scale is None
    assert "'verst' is no length that is understood" in metadata.notes[0]
