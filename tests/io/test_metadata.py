import pytest

from napari_microdiffusion.io.metadata import (
    from_imagej,
    from_lsm,
    from_ome,
    items_in_lines,
    micrometres,
    own_items,
    own_values,
)

LENGTHS = {
    **dict.fromkeys(("um", "µm", "\N{GREEK SMALL LETTER MU}m", r"\u00B5m", " Micron ", "micrometres"), 1),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inches": 25400,
    "Å": 1e-4,
}


@pytest.mark.parametrize(("unit", "length"), LENGTHS.items())
def test_units_of_length(unit: str, length: float) -> None:
    assert micrometres(unit) == length


@pytest.mark.parametrize("unit", ["", "pixel", "s", "ms", "sec", "ums", "reference frame", "furlong"])
def test_what_is_no_length(unit: str) -> None:
    assert micrometres(unit) is None


def test_lsm_lengths_are_metres() -> None:
    header = {
        "VoxelSizeX": 2.5e-7,
        "VoxelSizeY": 2.5e-7,
        "VoxelSizeZ": 1.5e-6,
        "ChannelColors": {"ColorNames": ["a", "b"]},
    }
    metadata = from_lsm(header)
    assert (metadata.scale, metadata.unit, metadata.channels) == ((1.5, 0.25, 0.25), "um", ("a", "b"))


def test_lsm_without_depth_has_no_scale() -> None:
    metadata = from_lsm({"VoxelSizeX": 2.5e-7, "VoxelSizeY": 2.5e-7, "VoxelSizeZ": 0.0})
    assert (metadata.scale, metadata.pixel_size) == (None, (0.25, 0.25))


def test_imagej_units_of_each_axis() -> None:
    metadata = from_imagej({"unit": "nm", "zunit": "um", "spacing": 3}, (0.004, 0.004))
    assert metadata.scale == (3.0, 0.25, 0.25)


def test_imagej_printer_resolution_is_no_scale() -> None:
    metadata = from_imagej({"spacing": 4.0}, (72.0, 72.0), 2)
    assert (metadata.scale, metadata.unit) == ((4.0, 1.0, 1.0), "pixel")


@pytest.mark.parametrize("spacing", [0, "nan", "inf", "deep", True, None])
def test_imagej_spacing_that_is_none(spacing: object) -> None:
    metadata = from_imagej({"unit": "um", "spacing": spacing}, (2.0, None))
    assert (metadata.scale, metadata.pixel_size) == (None, None)


def test_imagej_properties_hold_own_keys_too() -> None:
    assert from_imagej({"Properties": {"microdiffusion.step_length": "8"}}, (None, None)).step_length == 8


def test_ome_that_is_no_xml_tells_nothing() -> None:
    assert from_ome("<OME><Image>").scale is None
    assert from_ome("<OME/>").scale is None


def test_ome_in_reference_frames_is_no_length() -> None:
    sizes = " ".join(f'PhysicalSize{axis}="2" PhysicalSize{axis}Unit="reference frame"' for axis in "XYZ")
    assert from_ome(f"<OME><Image><Pixels {sizes}/></Image></OME>").scale is None


def test_own_lines_among_others() -> None:
    text = (
        "a = b\nmicrodiffusion.step_length = 6\r\n  microdiffusion.beam: bessel\nxmicrodiffusion.beam = no\n"
    )
    assert items_in_lines(text) == {"microdiffusion.step_length": "6", "microdiffusion.beam": "bessel"}


def test_own_items_and_values_are_inverse() -> None:
    description = {"a": [1, {"b": "line\nbreak"}]}
    items = own_items(6, "airy", description)
    assert own_values(items) == {"step_length": 6, "beam": "airy", "description": description}
    assert all("\n" not in value for value in items.values())
    assert own_values(own_items(None, None, None)) == {"step_length": None, "beam": None, "description": {}}


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, "nothing"])
def test_a_description_that_is_none_of_ours_is_left_out(text: str) -> None:
    assert own_values({"microdiffusion.description": text})["description"] == {}
