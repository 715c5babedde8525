"""Golden files of every format, synthesised here with known pixels, axes and spacings."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import ImageStack, depth_stack, is_stack, read_image, suggest_step_length

SHAPE = (5, 7, 9)


def ramp(shape: tuple[int, ...] = SHAPE, dtype: str = "uint16") -> np.ndarray:
    """Every pixel has another value, so that no transposition or byte order goes unnoticed."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stack.tif"


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_plain_tiff_keeps_its_type_in_native_order(file: Path, dtype: str, byteorder: str) -> None:
    data = ramp(dtype=dtype)
    tifffile.imwrite(file, data, byteorder=byteorder, metadata=None, photometric="minisblack")
    image = read_image(file)
    assert image.data.dtype == np.dtype(dtype)
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(image.data, data)
    assert (image.axes, image.scale, image.step_length, image.name) == ("zyx", None, None, "stack")
    assert image.metadata["notes"] == [
        "The file does not name its depth axis; the one without a name is taken as z."
    ]


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_compressed(file: Path, compression: str, dtype: str) -> None:
    data = ramp(dtype=dtype)
    tifffile.imwrite(file, data, compression=compression, photometric="minisblack")
    np.testing.assert_array_equal(read_image(file).data, data)


def test_tiled_with_predictor_and_big_tiff(file: Path) -> None:
    data = ramp((3, 40, 50))
    tifffile.imwrite(
        file, data, tile=(16, 16), compression="zlib", predictor=True, bigtiff=True, photometric="minisblack"
    )
    np.testing.assert_array_equal(read_image(file).data, data)


def test_pages_written_one_by_one(file: Path) -> None:
    data = ramp()
    with tifffile.TiffWriter(file) as writer:
        for plane in data:
            writer.write(plane, contiguous=False, metadata=None, compression="lzw")
    image = read_image(file)
    np.testing.assert_array_equal(image.data, data)
    assert image.axes == "zyx"


def write_imagej(
    file: Path, data: np.ndarray, axes: str = "ZYX", pixel: float = 0.5, **metadata: Any
) -> None:
    per_pixel = (Fraction(1 / pixel), Fraction(1 / (2 * pixel)))
    tifffile.imwrite(
        file,
        data,
        imagej=True,
        # As fractions: some versions of tifffile round small numbers.
        resolution=tuple(part.limit_denominator(10**6).as_integer_ratio() for part in per_pixel),
        resolutionunit=1,
        metadata={"axes": axes, **metadata},
    )


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [
        ("um", 1.0),
        ("micron", 1.0),
        ("\\u00B5m", 1.0),
        ("microns", 1.0),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("inch", 25400.0),
    ],
)
def test_imagej_units_become_micrometres(file: Path, unit: str, micrometres: float) -> None:
    write_imagej(file, ramp(), pixel=250, spacing=3000.0, unit=unit)
    image = read_image(file)
    assert image.unit == "um"
    assert image.scale == pytest.approx(tuple(micrometres * x for x in (3000, 500, 250)), rel=1e-9)
    assert image.metadata["format"] == "ImageJ TIFF"
    np.testing.assert_array_equal(image.data, ramp())


def test_imagej_nanometres_are_exact(file: Path) -> None:
    write_imagej(file, ramp(), pixel=250, spacing=1500, unit="nm")
    assert read_image(file).scale == (1.5, 0.5, 0.25)


def test_imagej_without_spacing_has_no_scale_but_a_pixel_size(file: Path) -> None:
    write_imagej(file, ramp(), unit="um")
    image = read_image(file)
    assert image.scale is None
    assert image.metadata["pixel_size"] == (1.0, 0.5)
    assert suggest_step_length(image) is None


def test_imagej_spacing_without_a_unit_counts_in_pixels(file: Path) -> None:
    tifffile.imwrite(file, ramp(), imagej=True, metadata={"axes": "ZYX", "spacing": 6.0})
    image = read_image(file)
    assert (image.scale, image.unit) == ((6.0, 1.0, 1.0), "pixel")
    assert suggest_step_length(image) == (6, "assumed: isotropic voxels")


def test_imagej_unit_that_is_no_length_gives_no_scale(file: Path) -> None:
    write_imagej(file, ramp(), unit="ms", spacing=6.0)
    assert read_image(file).scale is None


def test_imagej_negative_spacing_is_a_distance(file: Path) -> None:
    write_imagej(file, ramp(), unit="um", spacing=-3.0)
    assert read_image(file).scale == (3.0, 1.0, 0.5)


def test_imagej_own_keys_in_info(file: Path) -> None:
    info = "Objective = 20x\nmicrodiffusion.step_length = 6\nmicrodiffusion.beam = bessel\n"
    write_imagej(file, ramp(), unit="um", spacing=3.0, Info=info)
    image = read_image(file)
    assert (image.step_length, image.beam) == (6, "bessel")
    assert suggest_step_length(image) == (6, "from file")


def test_plain_tiff_own_keys_in_description(file: Path) -> None:
    text = "microdiffusion.step_length=4\nmicrodiffusion.beam=airy"
    tifffile.imwrite(file, ramp(), description=text, metadata=None, photometric="minisblack")
    image = read_image(file)
    assert (image.step_length, image.beam) == (4, "airy")


@pytest.mark.parametrize("value", ["1", "65", "6.5", "-6", "six", ""])
def test_a_step_length_that_is_none_is_not_taken(file: Path, value: str) -> None:
    write_imagej(file, ramp(), unit="um", spacing=1.0, Info=f"microdiffusion.step_length = {value}\n")
    assert read_image(file).step_length is None


def test_imagej_hyperstack_axes(file: Path) -> None:
    data = ramp((2, 4, 3, 7, 9))
    tifffile.imwrite(file, data, imagej=True, metadata={"axes": "TZCYX"})
    image = read_image(file)
    assert (image.axes, image.data.shape) == ("tczyx", (2, 3, 4, 7, 9))
    chosen = depth_stack(image, channel=2, time=1)
    assert chosen.axes == "zyx"
    np.testing.assert_array_equal(chosen.data, data[1, :, 2])


def write_ome(file: Path, data: np.ndarray, **metadata: Any) -> None:
    metadata.setdefault("axes", "ZYX")
    tifffile.imwrite(file, data, ome=True, photometric="minisblack", metadata=metadata)


def test_ome_with_units(tmp_path: Path) -> None:
    file = tmp_path / "stack.ome.tif"
    write_ome(
        file,
        ramp(),
        PhysicalSizeX=250.0,
        PhysicalSizeXUnit="nm",
        PhysicalSizeY=0.5,
        PhysicalSizeZ=0.003,
        PhysicalSizeZUnit="mm",
        MapAnnotation={"microdiffusion.step_length": "12", "microdiffusion.beam": "bessel"},
    )
    image = read_image(file)
    assert (image.scale, image.unit) == ((3.0, 0.5, 0.25), "um")
    assert (image.step_length, image.beam, image.name) == (12, "bessel", "stack")
    assert image.metadata["format"] == "OME-TIFF"
    assert image.metadata["notes"] == []
    np.testing.assert_array_equal(image.data, ramp())


def test_ome_without_z_spacing_has_no_scale(file: Path) -> None:
    write_ome(file, ramp(), PhysicalSizeX=0.5, PhysicalSizeY=0.5)
    image = read_image(file)
    assert image.scale is None
    assert image.metadata["pixel_size"] == (0.5, 0.5)


def test_ome_channels_are_chosen_by_name_or_index(file: Path) -> None:
    data = ramp((3, 2, 7, 9))
    write_ome(file, data, axes="ZCYX", Channel={"Name": ["DAPI", "GFP"]})
    image = read_image(file)
    assert image.axes == "czyx"
    assert image.metadata["channels"] == ("DAPI", "GFP")
    np.testing.assert_array_equal(depth_stack(image, channel="GFP").data, data[:, 1])
    np.testing.assert_array_equal(depth_stack(image, channel=0).data, data[:, 0])
    assert depth_stack(image, channel=1).name == "stack GFP"


def write_ome_set(folder: Path, data: np.ndarray) -> list[Path]:
    """Write one image whose planes lie in two files, as Bruker microscopes do."""
    half = len(data) // 2
    names = ["set_1.ome.tif", "set_2.ome.tif"]
    uuids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{index}" for index in range(2)]
    places = "".join(
        f'<TiffData FirstZ="{z}" IFD="{z % half}" PlaneCount="1">'
        f'<UUID FileName="{names[z // half]}">{uuids[z // half]}</UUID></TiffData>'
        for z in range(2 * half)
    )
    sizes = " ".join(f'Size{axis}="{size}"' for axis, size in zip("ZYXCT", (*data.shape, 1, 1), strict=True))
    for index, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[index]}">'
            f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes} '
            'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="3">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{places}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(folder / name) as writer:
            for number, plane in enumerate(data[index * half : (index + 1) * half]):
                description = xml if number == 0 else None
                writer.write(plane, contiguous=False, metadata=None, description=description)
    return [folder / name for name in names]


def test_ome_over_several_files_is_whole_from_any_of_them(tmp_path: Path) -> None:
    data = ramp((6, 7, 9))
    files = write_ome_set(tmp_path, data)
    for file in files:
        image = read_image(file)
        np.testing.assert_array_equal(image.data, data)
        assert image.scale == (3.0, 0.5, 0.5)
    files[1].unlink()
    with pytest.raises(UserError, match="lacks 3 of its 6 planes; if they lie in other files"):
        read_image(files[0])


def test_pyramid_gives_the_full_resolution(file: Path) -> None:
    data = ramp((3, 64, 64))
    with tifffile.TiffWriter(file, ome=True) as writer:
        writer.write(data, subifds=1, photometric="minisblack", tile=(16, 16), metadata={"axes": "ZYX"})
        writer.write(data[:, ::2, ::2], subfiletype=1, photometric="minisblack", tile=(16, 16))
    image = read_image(file)
    np.testing.assert_array_equal(image.data, data)
    assert image.metadata["notes"] == []


def test_samples_that_are_no_colour_are_channels(file: Path) -> None:
    data = ramp((4, 7, 9, 2))
    tifffile.imwrite(file, data, photometric="minisblack", planarconfig="contig", metadata=None)
    image = read_image(file)
    assert image.axes == "czyx"
    np.testing.assert_array_equal(image.data, np.moveaxis(data, -1, 0))


def test_thin_images_keep_their_axes(file: Path) -> None:
    tifffile.imwrite(file, ramp((4, 1, 9)), photometric="minisblack")
    assert read_image(file).data.shape == (4, 1, 9)


def test_is_stack_agrees_with_read_image(file: Path, tmp_path: Path) -> None:
    tifffile.imwrite(file, ramp(), photometric="minisblack")
    assert is_stack(file)
    tifffile.imwrite(file, np.zeros((7, 9, 3), "uint8"), photometric="rgb")
    assert not is_stack(file)
    assert not is_stack(tmp_path / "absent.tif")


@pytest.mark.parametrize(
    ("dz", "expected"), [(0.5, None), (0.74, None), (1.0, 2), (2.9, 6), (32.0, 64), (33.0, None)]
)
def test_suggested_step_length_is_marked_as_an_assumption(dz: float, expected: int | None) -> None:
    image = ImageStack(ramp(), scale=(dz, 0.5, 0.5))
    wanted = None if expected is None else (expected, "assumed: isotropic voxels")
    assert suggest_step_length(image) == wanted


class TestDepthStack:
    image = ImageStack(ramp((2, 3, 4, 5, 6)), "tczyx", name="cells", metadata={"channels": ("a", "b", "c")})

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            (
                {"channel": 0},
                r"cells has 2 time points; choose one with the setting time: 0 to 1, or average",
            ),
            ({"time": 0}, r"cells has 3 channels; .* the setting channel: 0 \(a\), 1 \(b\), 2 \(c\)\."),
            ({"time": 2, "channel": 0}, r"cells has no time point 2; there are 0 to 1\."),
            ({"time": 0, "channel": -1}, r"cells has no channel -1; there are 0 \(a\)"),
            ({"time": 0, "channel": "d"}, r"cells has no channel d"),
        ],
    )
    def test_nothing_is_guessed(self, choice: dict[str, Any], message: str) -> None:
        with pytest.raises(UserError, match=message):
            depth_stack(self.image, **choice)

    def test_digits_are_an_index(self) -> None:
        np.testing.assert_array_equal(depth_stack(self.image, "1", 0).data, self.image.data[0, 1])

    def test_a_stack_without_choices_passes_through(self) -> None:
        stack = ImageStack(ramp(), name="plain")
        assert depth_stack(stack).data is not None
        assert depth_stack(stack, channel=0, time=0).axes == "zyx"
        with pytest.raises(UserError, match="plain has one channel only; channel 1 does not exist"):
            depth_stack(stack, channel=1)
