"""The same answers as tifffile's and zarr's own, for one image written in every way that these two offer."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_microdiffusion.io import read_image

from .golden import ramp, write_ngff

SCALE = (3.0, 0.5, 0.25)
TYPES = ("uint8", "uint16", "int16", "float32", "float64")
STORED: tuple[dict[str, Any], ...] = (
    {},
    {"bigtiff": True},
    {"byteorder": ">"},
    {"tile": (16, 16)},
    {"rowsperstrip": 5},
    {"compression": "zlib", "predictor": True},
    {"compression": "lzw"},
    {"compression": "zstd", "tile": (16, 32)},
    {"bigtiff": True, "compression": "packbits", "byteorder": ">"},
)
AXES = ("ZYX", "CZYX", "TZYX", "ZCYX", "TCZYX", "TZCYX", "CTZYX", "ZTCYX")
SIZES = {"T": 3, "C": 2, "Z": 4, "Y": 17, "X": 33}


def of_shape(axes: str, dtype: str) -> np.ndarray:
    shape = tuple(SIZES[letter] for letter in axes)
    return (ramp(shape, "int64") % 251).astype(dtype)


def assert_alike(path: Path, expected: np.ndarray, axes: str) -> None:
    """Values, type and order of axes are those of an array whose axes another library names."""
    image = read_image(path)
    order = [axes.index(letter.upper()) for letter in image.axes]
    assert sorted(order) == list(range(len(axes))), (image.axes, axes)
    np.testing.assert_array_equal(image.data, expected.transpose(order))
    assert image.data.dtype == expected.dtype.newbyteorder("=")


def series_of(path: Path) -> tuple[np.ndarray, str]:
    """What tifffile makes of a file, without axes of one element."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        return series.asarray(squeeze=True), series.get_axes(squeeze=True)


def scale_by_tifffile(path: Path) -> tuple[float, ...]:
    """Spacing (z, y, x) in um as tifffile reads it from the file's own metadata."""
    with tifffile.TiffFile(path) as file:
        if file.is_ome:
            found = dict(re.findall(r'PhysicalSize([XYZ])="([^"]+)"', file.ome_metadata or ""))
            return tuple(float(found[axis]) for axis in "ZYX")
        tags = file.pages.first.tags
        y, x = (tags[name].value for name in ("YResolution", "XResolution"))
        return (file.imagej_metadata["spacing"], y[1] / y[0], x[1] / x[0])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("stored", STORED, ids=lambda stored: "-".join(map(str, stored.values())) or "plain")
def test_ome_as_tifffile_reads_it(tmp_path, stored, dtype):
    path = tmp_path / "a.ome.tif"
    if stored.get("predictor") and np.dtype(dtype).kind == "f":
        stored = stored | {"predictor": 3}
    for axes in AXES:
        about = {"axes": axes} | {f"PhysicalSize{a}": s for a, s in zip("ZYX", SCALE, strict=True)}
        options = {"photometric": "minisblack", "metadata": about}
        tifffile.imwrite(path, of_shape(axes, dtype), ome=True, **options, **stored)
        assert_alike(path, *series_of(path))
        assert scale_by_tifffile(path) == SCALE
        assert read_image(path).scale == pytest.approx(SCALE)


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_imagej_as_tifffile_reads_it(tmp_path, dtype, byteorder):
    path = tmp_path / "a.tif"
    for axes in ("ZYX", "ZCYX", "TZYX", "TZCYX"):
        about = {"axes": axes, "spacing": SCALE[0], "unit": "um"}
        resolution = (1 / SCALE[2], 1 / SCALE[1])
        tifffile.imwrite(
            path,
            of_shape(axes, dtype),
            imagej=True,
            metadata=about,
            resolution=resolution,
            byteorder=byteorder,
        )
        assert_alike(path, *series_of(path))
        assert read_image(path).scale == pytest.approx(scale_by_tifffile(path))


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: "-".join(map(str, stored.values())) or "plain")
def test_named_and_plain_as_tifffile_reads_them(tmp_path, stored):
    path = tmp_path / "a.tif"
    for axes in AXES:
        about = {"axes": axes}
        tifffile.imwrite(path, of_shape(axes, "uint16"), photometric="minisblack", metadata=about, **stored)
        assert_alike(path, *series_of(path))
    tifffile.imwrite(path, of_shape("ZYX", "uint16"), photometric="minisblack", metadata=None, **stored)
    data, axes = series_of(path)
    # The one axis that a plain file leaves without a name is depth.
    assert_alike(path, data, "Z" + axes[1:])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", TYPES)
def test_ome_zarr_as_zarr_reads_it(tmp_path, version, dtype):
    for number, axes in enumerate(AXES):
        path = tmp_path / f"{number}.ome.zarr"
        scale = [dict(zip("ZYX", SCALE, strict=True)).get(letter, 1.0) for letter in axes]
        write_ngff(path, of_shape(axes, dtype), axes.lower(), tuple(scale), version)
        group = zarr.open_group(path, mode="r")
        assert group.metadata.zarr_format == (2 if version == "0.4" else 3)
        attributes = json.loads(json.dumps(dict(group.attrs)))
        (found,) = attributes.get("ome", attributes)["multiscales"]
        named = "".join(axis["name"] for axis in found["axes"]).upper()
        assert_alike(path, np.asarray(group[found["datasets"][0]["path"]]), named)
        (transform,) = found["datasets"][0]["coordinateTransformations"]
        by_axis = dict(zip(named, transform["scale"], strict=True))
        assert read_image(path).scale == tuple(by_axis[letter] for letter in "ZYX")


def test_all_ways_hold_the_same_image(tmp_path):
    data = of_shape("TCZYX", "uint16")
    paths = [tmp_path / name for name in ("a.ome.tif", "b.tif", "c.tif", "d.ome.zarr", "e.ome.zarr")]
    resolution = (1 / SCALE[2], 1 / SCALE[1])
    about = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SCALE, strict=True)}
    tifffile.imwrite(paths[0], data, ome=True, photometric="minisblack", metadata={"axes": "TCZYX"} | about)
    imagej = {"axes": "TZCYX", "spacing": SCALE[0], "unit": "um"}
    tifffile.imwrite(paths[1], data.swapaxes(1, 2), imagej=True, metadata=imagej, resolution=resolution)
    named = {"axes": "TCZYX", "spacing": SCALE[0], "unit": "um"}
    tifffile.imwrite(
        paths[2], data, photometric="minisblack", metadata=named, resolution=resolution, resolutionunit="none"
    )
    for path, version in zip(paths[3:], ("0.4", "0.5"), strict=True):
        write_ngff(path, data, "tczyx", (1.0, 1.0, *SCALE), version)
    images = [read_image(path) for path in paths]
    for one, other in itertools.pairwise(images):
        assert one.axes == other.axes == "tczyx"
        np.testing.assert_array_equal(one.data, other.data)
    for image in (images[0], images[1], images[3], images[4]):
        assert image.scale == pytest.approx(SCALE)
