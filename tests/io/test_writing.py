import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.io import writing as writing_module

DATA = np.linspace(-3, 800, 4 * 6 * 5, dtype="float32").reshape(4, 6, 5)

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7).filter(lambda shape: shape[0] > 1)
SPACINGS = st.floats(1e-4, 1e4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@given(
    data=st.sampled_from(writing_module._OME_TYPES).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    scale=st.tuples(SPACINGS, SPACINGS, SPACINGS),
    step_length=st.none() | st.integers(2, 64),
)
def test_ome_round_trip(folder: Path, data: np.ndarray, scale: Any, step_length: int | None) -> None:
    path = folder / "volume.ome.tif"
    write_image(path, data, scale=scale, step_length=step_length)
    image = read_image(path)
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(image.data, data)
    assert image.scale == pytest.approx(scale, rel=1e-11)
    assert (image.axes, image.unit, image.step_length, image.beam) == ("zyx", "um", step_length, None)


@given(
    data=st.sampled_from(writing_module._IMAGEJ_TYPES).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    scale=st.tuples(SPACINGS, SPACINGS, SPACINGS),
    step_length=st.none() | st.integers(2, 64),
)
def test_imagej_round_trip(folder: Path, data: np.ndarray, scale: Any, step_length: int | None) -> None:
    path = folder / "volume.tif"
    write_image(path, data, scale=scale, step_length=step_length)
    image = read_image(path)
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(image.data, data)
    assert image.scale == pytest.approx(scale, rel=1e-8)
    assert (image.axes, image.unit, image.step_length, image.beam) == ("zyx", "um", step_length, None)


@given(
    data=st.sampled_from(writing_module._OME_TYPES).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    scale=st.tuples(SPACINGS, SPACINGS, SPACINGS),
    step_length=st.none() | st.integers(2, 64),
)
@settings(max_examples=15)
def test_ome_zarr_round_trip(folder: Path, data: np.ndarray, scale: Any, step_length: int | None) -> None:
    path = folder / "volume.ome.zarr"
    write_image(path, data, scale=scale, step_length=step_length)
    image = read_image(path)
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(image.data, data)
    assert image.scale == pytest.approx(scale, rel=1e-11)
    assert (image.axes, image.unit, image.step_length, image.name) == ("zyx", "um", step_length, "volume")
    assert [entry.name for entry in folder.iterdir() if entry.suffix == ".part"] == []


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".ome.zarr"])
def test_channels_and_time_come_back(tmp_path: Path, ending: str) -> None:
    data = np.arange(2 * 3 * 4 * 6 * 5, dtype="uint16").reshape(2, 3, 4, 6, 5)
    path = tmp_path / f"many{ending}"
    write_image(path, data, axes="tczyx", scale=(3.0, 1.0, 0.5), channels=("a", "b", "c"))
    image = read_image(path)
    assert (image.axes, image.scale) == ("tczyx", (3.0, 1.0, 0.5))
    np.testing.assert_array_equal(image.data, data)
    if ending != ".tif":
        assert image.metadata["channels"] == ("a", "b", "c")


@pytest.mark.parametrize("axes", ["zyx", "ctzyx", "tzxy", "qzyx", "tyx"])
def test_axes_that_do_not_fit(tmp_path: Path, axes: str) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_image(tmp_path / "a.ome.tif", DATA[None] if len(axes) == 3 else DATA, axes=axes)


@pytest.mark.parametrize("scale", [None, (6.0, 1.0, 1.0)])
def test_zarr_without_a_unit_of_length(tmp_path: Path, scale: Any) -> None:
    write_image(tmp_path / "a.zarr", DATA, scale=scale, unit="pixel")
    image = read_image(tmp_path / "a.zarr")
    assert (image.scale, image.unit) == (scale, "um" if scale is None else "pixel")


def test_an_older_zarr_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, np.concatenate([DATA, DATA]))
    write_image(path, DATA)
    np.testing.assert_array_equal(read_image(path).data, DATA)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_a_zarr_that_fails_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, DATA)

    def fail(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing_module, "write_zarr_image", fail)
    with pytest.raises(UserError, match="No space left"):
        write_image(path, DATA + 1)
    np.testing.assert_array_equal(read_image(path).data, DATA)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is a folder of something else"):
        write_image(tmp_path / "a.zarr", DATA)
    (tmp_path / "b.zarr").touch()
    with pytest.raises(UserError, match="is a file"):
        write_image(tmp_path / "b.zarr", DATA)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.OME.TIFF", "a.tif", "a.tiff", "a.ome.zarr"])
def test_what_was_recorded_comes_back(tmp_path: Path, name: str) -> None:
    description = {
        "seed": 3,
        "text": 'µ "quoted" <b> & {brace} = :\n two',
        "nested": {"none": None, "list": [1, 2.5]},
    }
    write_image(
        tmp_path / name, DATA, scale=(6, 0.3, 0.3), description=description, step_length=6, beam="bessel"
    )
    image = read_image(tmp_path / name)
    assert image.metadata["description"] == description
    assert (image.step_length, image.beam, image.name) == (6, "bessel", "a")
    assert image.scale == (6.0, 0.3, 0.3)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
def test_without_scale_none_is_invented(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / name, DATA)
    image = read_image(tmp_path / name)
    assert image.scale is None
    assert image.metadata["description"] == {}


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
@pytest.mark.parametrize(
    ("unit", "expected", "read_unit"),
    [("nm", (0.006, 0.002, 0.001), "um"), ("µm", (6, 2, 1), "um"), ("pixel", (6, 2, 1), "pixel")],
)
def test_units(tmp_path: Path, name: str, unit: str, expected: Any, read_unit: str) -> None:
    write_image(tmp_path / name, DATA, scale=(6, 2, 1), unit=unit)
    image = read_image(tmp_path / name)
    assert image.scale == pytest.approx(expected)
    assert image.unit == read_unit


def test_other_programs_find_the_scale_where_they_look(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", DATA, scale=(6, 0.5, 0.25), step_length=6)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        header = file.imagej_metadata
        assert header is not None
        assert (header["spacing"], header["unit"], header["slices"]) == (6, "um", 4)
        assert header["Info"] == "microdiffusion.step_length = 6\n"
        assert file.pages.first.tags["XResolution"].value == (4, 1)
        assert file.pages.first.tags["YResolution"].value == (2, 1)
    write_image(tmp_path / "a.ome.tif", DATA, scale=(6, 0.5, 0.25), step_length=6)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        xml = file.ome_metadata
        assert xml is not None
        for text in ('PhysicalSizeX="0.25"', 'PhysicalSizeXUnit="µm"', 'PhysicalSizeZ="6.0"', 'SizeZ="4"'):
            assert text in xml
        assert '<M K="microdiffusion.step_length">6</M>' in xml
        assert file.series[0].axes == "ZYX"
        assert file.pages.first.compression == 8


def test_non_contiguous_and_big_endian(tmp_path: Path) -> None:
    data = np.arange(4 * 6 * 10, dtype=">u2").reshape(4, 6, 10)[:, ::-1, ::2]
    for name in ("a.tif", "a.ome.tif"):
        write_image(tmp_path / name, data)
        np.testing.assert_array_equal(read_image(tmp_path / name).data, data)


def test_types_that_widen_or_narrow_without_loss_of_range(tmp_path: Path) -> None:
    for name, dtype in (("a.tif", "float64"), ("a.tif", "float16"), ("a.ome.tif", "float16")):
        write_image(tmp_path / name, DATA.astype(dtype))
        data = read_image(tmp_path / name).data
        assert data.dtype == np.float32
        np.testing.assert_allclose(data, DATA.astype(dtype), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "data", "kwargs", "message"),
    [
        ("a.tif", DATA.astype("int16"), {}, r"int16 cannot be stored in an ImageJ TIFF \(.ome.tif can\)"),
        ("a.tif", DATA > 0, {}, "bool cannot be stored in an ImageJ TIFF; it holds uint8, uint16, float32"),
        ("a.ome.tif", DATA.astype("int64"), {}, "int64 cannot be stored in an OME TIFF"),
        ("a.ome.tif", DATA.astype("complex64"), {}, "complex64 cannot be stored"),
        ("a.tif", DATA.astype("float64") * 1e300, {}, "too large for float32"),
        ("a.tif", DATA[0], {}, r"shape \(6, 5\) cannot be written"),
        ("a.tif", DATA[:, :0], {}, r"shape \(4, 0, 5\) cannot be written"),
        ("a.png", DATA, {}, r"must end in .ome.tif, .ome.tiff, .tif, .tiff"),
        ("a.tif", DATA, {"scale": (1, 0, 1)}, "three numbers"),
        ("a.tif", DATA, {"scale": (1, float("nan"), 1)}, "three numbers"),
        ("a.tif", DATA, {"scale": (1, 1)}, "three numbers"),
        ("a.tif", DATA, {"scale": (1, 1, 1), "unit": "verst"}, "'verst' is no unit of length"),
        ("none/a.tif", DATA, {}, "there is no folder"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, name: str, data: np.ndarray, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write_image(tmp_path / name, data, **kwargs)
    assert list(tmp_path.iterdir()) == []


def test_too_large_for_imagej(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_module, "_CLASSIC_LIMIT", DATA.nbytes - 1)
    with pytest.raises(UserError, match=r"more than an ImageJ TIFF holds; use .ome.tif"):
        write_image(tmp_path / "a.tif", DATA)
    write_image(tmp_path / "a.ome.tif", DATA)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_bigtiff
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").data, DATA)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_half_way_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, failure: BaseException
) -> None:
    write_image(tmp_path / name, DATA)
    before = (tmp_path / name).read_bytes()

    def half(path: Path, *args: Any, **kwargs: Any) -> None:
        Path(path).write_bytes(before[: len(before) // 2])
        raise failure

    monkeypatch.setattr(tifffile, "imwrite", half)
    expected = UserError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_image(tmp_path / name, DATA + 1)
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.ome.zarr"])
@pytest.mark.parametrize("unit", ["um", "nm", "pixel"])
def test_an_origin_is_kept(tmp_path: Path, name: str, unit: str) -> None:
    write_image(tmp_path / name, DATA, scale=(3, 0.5, 0.5), unit=unit, origin=(-2.5, 0.25, 7))
    factor = 1e-3 if unit == "nm" else 1
    assert read_image(tmp_path / name).origin == pytest.approx((-2.5 * factor, 0.25 * factor, 7 * factor))
    write_image(tmp_path / name, DATA, scale=(3, 0.5, 0.5), unit=unit, origin=(0, 0, 0))
    assert read_image(tmp_path / name).origin is None


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.ome.zarr"])
def test_projections_at_zero_say_so(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / name, DATA, scale=(3, 0.5, 0.5), origin=(0, 0, 0), step_length=3)
    assert read_image(tmp_path / name).origin == (0, 0, 0)


def test_other_programs_find_the_origin(tmp_path: Path) -> None:
    data = np.stack([DATA, DATA])
    options: dict[str, Any] = {"axes": "czyx", "scale": (3, 0.5, 0.5), "origin": (-2.5, 0.25, 7)}
    for name in ("a.tif", "a.ome.tif", "a.ome.zarr"):
        write_image(tmp_path / name, data, **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        header = file.imagej_metadata or {}
    # ImageJ counts from the pixel at which the coordinates are zero.
    assert (header["zorigin"], header["yorigin"]) == (pytest.approx(2.5 / 3), -0.5)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        root = ElementTree.fromstring(file.ome_metadata or "")
    planes = [element for element in root.iter() if element.tag.endswith("}Plane")]
    places = [(p.get("TheC"), p.get("TheZ"), float(p.get("PositionZ", ""))) for p in planes]
    depths = [-2.5 + 3 * z for z in range(len(DATA))]
    assert places == [(str(c), str(z), depth) for c in (0, 1) for z, depth in enumerate(depths)]
    attributes = json.loads((tmp_path / "a.ome.zarr" / ".zattrs").read_text())
    transforms = attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert transforms[1] == {"type": "translation", "translation": [0.0, -2.5, 0.25, 7.0]}
