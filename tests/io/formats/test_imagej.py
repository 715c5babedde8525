"""Hyperstacks of ImageJ and Fiji."""

import pytest

from napari_microdiffusion.io.formats.imagej import imagej_metadata


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
