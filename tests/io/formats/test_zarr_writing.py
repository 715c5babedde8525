"""OME-Zarr that is written: coarser resolutions, versions, shards, and what the specification asks for."""

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.io.formats.ome_zarr import pixels as pixels_module
from napari_microdiffusion.io.formats.ome_zarr import pyramid, writing

KINDS = ("0.4", "0.5", "0.5-sharded")
LARGE = (3, 1033, 520)


def blob(shape: tuple[int, ...] = LARGE) -> np.ndarray:
    y, x = np.ogrid[: shape[-2], : shape[-1]]
    spot = 100 * np.exp(-((y - 401.3) ** 2 + (x - 222.8) ** 2) / (2 * 40**2))
    return np.broadcast_to(spot, shape).astype("float32")


class OnePlaneAtATime:
    """A stack whose planes are made when they are asked for."""

    dtype = np.dtype("float32")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.nbytes = 4 * int(np.prod(shape))

    def planes(self) -> Iterator[np.ndarray]:
        for index in range(int(np.prod(self.shape[:-2]))):
            yield np.add.outer(np.arange(self.shape[-2]), np.arange(self.shape[-1]) / 1000) + index


def multiscale(path: Path) -> dict[str, Any]:
    """The description of the one image of a store, of either version."""
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    (found,) = attributes.get("ome", attributes)["multiscales"]
    return dict(found)


def transforms(path: Path) -> list[tuple[list[float], list[float]]]:
    """Scale and translation of each resolution; the specification allows just these two, in this order."""
    found = []
    for dataset in multiscale(path)["datasets"]:
        scale, *translation = dataset["coordinateTransformations"]
        assert scale["type"] == "scale"
        assert [one["type"] for one in translation] in ([], ["translation"])
        zero = [0.0] * len(scale["scale"])
        found.append((scale["scale"], translation[0]["translation"] if translation else zero))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", [None, (-2.0, 5.0, 7.0)])
def test_every_resolution_shows_the_same_place(tmp_path: Path, kind: Any, origin: Any) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, blob(), scale=(3, 0.5, 0.25), origin=origin, zarr=kind)
    group = zarr.open_group(path, mode="r")
    names = [dataset["path"] for dataset in multiscale(path)["datasets"]]
    arrays = [np.asarray(group[name]) for name in names]
    assert [array.shape for array in arrays] == [(3, 1033, 520), (3, 517, 260), (3, 259, 130)]
    _, y, x = origin or (0, 0, 0)
    for array, (scale, translation) in zip(arrays, transforms(path), strict=True):
        weights = array[0].astype(float)
        centre = [
            float(weights.sum(1 - axis) @ np.arange(weights.shape[axis]) / weights.sum()) for axis in (0, 1)
        ]
        placed = [translation[1 + axis] + scale[1 + axis] * centre[axis] for axis in (0, 1)]
        assert placed == pytest.approx([y + 0.5 * 401.3, x + 0.25 * 222.8], abs=1e-2)
        assert (scale[0], translation[0]) == (3, 0 if origin is None else -2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_full_resolution_is_what_is_read(tmp_path: Path, kind: Any) -> None:
    write_image(tmp_path / "a.ome.zarr", blob(), scale=(3, 0.5, 0.25), origin=(1, 2, 3), zarr=kind)
    image = read_image(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(image.data, blob())
    assert (image.scale, image.origin, image.metadata["notes"]) == ((3, 0.5, 0.25), (1, 2, 3), [])
    assert image.metadata["format"] == f"OME-Zarr {kind.removesuffix('-sharded')}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_specification_asks_for(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "a.ome.zarr"
    data = np.arange(2 * 2 * 2 * 700 * 30).reshape(2, 2, 2, 700, 30).astype("uint32")
    write_image(path, data, axes="tczyx", scale=(3, 1, 1), channels=("a", "b"), zarr=kind)
    group = zarr.open_group(path, mode="r")
    newer = kind != "0.4"
    assert group.metadata.zarr_format == (3 if newer else 2)
    attributes = dict(group.attrs)
    ome = attributes["ome"] if newer else attributes
    image = multiscale(path)
    assert (ome if newer else image)["version"] == kind.removesuffix("-sharded")
    assert [axis["name"] for axis in image["axes"]] == list("tczyx")
    assert [axis["type"] for axis in image["axes"]] == ["time", "channel", *["space"] * 3]
    assert [axis.get("unit") for axis in image["axes"]] == [None, None, *["micrometer"] * 3]
    arrays: list[Any] = [group[dataset["path"]] for dataset in image["datasets"]]
    assert [array.shape[-2:] for array in arrays] == [(700, 30), (350, 15)]
    for array, (scale, translation) in zip(arrays, transforms(path), strict=True):
        assert len(scale) == len(translation) == array.ndim == 5
        assert (array.metadata.zarr_format, array.dtype) == (group.metadata.zarr_format, data.dtype)
        assert not newer or array.metadata.dimension_names == tuple("tczyx")
    channels = ome["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["a", "b"]
    assert all(len(bytes.fromhex(channel["color"])) == 3 for channel in channels)
    ends = data[:, 1].min(), data[:, 1].max()
    assert channels[1]["window"] == {"min": ends[0], "start": ends[0], "end": ends[1], "max": ends[1]}


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((2, 512, 512), [512]), ((2, 513, 40), [513, 257]), ((2, 40, 2048), [40, 20, 10])],
)
def test_coarser_until_no_side_is_above_512(tmp_path: Path, shape: tuple[int, ...], rows: list[int]) -> None:
    write_image(tmp_path / "a.zarr", np.zeros(shape, "uint8"))
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert [group[name].shape[1] for name in sorted(group.array_keys())] == rows  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_coarse_pixel_is_the_mean_of_those_it_covers(dtype: str) -> None:
    plane = np.array([[1, 2, 10], [3, 6, 20], [7, 9, 5]], dtype)
    coarse = pyramid.halved(plane)
    assert coarse.dtype == dtype
    assert coarse.tolist() == [[3, 15], [8, 5]]


def test_pixels_without_a_value_are_left_out_of_the_means() -> None:
    plane = np.array([[1, np.nan, np.nan, np.nan], [3, 5, np.nan, np.nan]], "float32")
    np.testing.assert_array_equal(pyramid.halved(plane), np.array([[3, np.nan]], "float32"))


def test_numbers_of_regions_have_the_full_resolution_alone(tmp_path: Path) -> None:
    write_image(tmp_path / "a.ome.zarr", np.ones((2, 1100, 9), "uint16"), labels=True)
    assert sorted(zarr.open_group(tmp_path / "a.ome.zarr", mode="r").array_keys()) == ["0"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("axes", "shape"), [("zyx", (11, 530, 40)), ("tzyx", (3, 11, 40, 530))])
def test_plane_by_plane_is_as_from_memory(
    tmp_path: Path, kind: Any, axes: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small enough for several chunks and files along every axis.
    monkeypatch.setattr(writing, "_CHUNK_VOXELS", 4 * 530 * 40)
    monkeypatch.setattr(writing, "_INNER_CHUNK_VOXELS", 2 * 256 * 40)
    monkeypatch.setattr(writing, "_SHARD_VOXELS", 24 * 530 * 60)
    streamed = OnePlaneAtATime(shape)
    whole = np.stack(list(streamed.planes())).reshape(shape).astype("float32")
    contents = []
    for name, data in (("a.zarr", streamed), ("b.zarr", whole)):
        write_image(tmp_path / name, data, axes=axes, zarr=kind)
        np.testing.assert_array_equal(read_image(tmp_path / name).data, whole)
        files = sorted(file for file in (tmp_path / name).rglob("*") if file.is_file())
        contents.append([(file.relative_to(tmp_path / name), file.read_bytes()) for file in files])
    assert contents[0] == contents[1]


@pytest.mark.parametrize("kind", ["0.4", "0.5-sharded"])
def test_memory_does_not_grow_with_the_number_of_planes(
    tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_CHUNK_VOXELS", 2**18)
    monkeypatch.setattr(writing, "_SHARD_VOXELS", 2**20)
    peaks = []
    for slices in (16, 64):
        tracemalloc.start()
        write_image(tmp_path / "a.zarr", OnePlaneAtATime((slices, 520, 256)), zarr=kind)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_shards_hold_many_chunks(tmp_path: Path) -> None:
    counts = {}
    for kind in KINDS[1:]:
        path = tmp_path / f"{kind}.zarr"
        write_image(path, OnePlaneAtATime((2, 10, 520, 600)), axes="tzyx", zarr=kind)  # type: ignore[arg-type]
        counts[kind] = sum(len(files) for _, _, files in os.walk(path / "0" / "c"))
    array: Any = zarr.open_group(tmp_path / "0.5-sharded.zarr", mode="r")["0"]
    assert array.chunks == (1, 4, 256, 256)
    assert (counts["0.5"], counts["0.5-sharded"]) == (4, 1)


def test_lost_and_damaged_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_SHARD_VOXELS", 2**18)
    path = tmp_path / "a.ome.zarr"
    write_image(path, np.ones((8, 256, 256), "float32"), zarr="0.5-sharded")
    first, second = sorted(file for file in (path / "0" / "c").rglob("*") if file.is_file())
    first.write_bytes(first.read_bytes()[:-7])
    with pytest.raises(UserError, match=r"a.ome.zarr is damaged"):
        read_image(path)
    first.unlink()
    image = read_image(path)
    assert "4 of 8 planes have no chunk in the folder" in image.metadata["notes"][0]
    assert second.is_file() and image.data[4:].min() == 1


def test_a_store_whose_coarse_copies_fail_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, np.ones((2, 4, 4), "float32"))

    def fail(_plane: np.ndarray) -> np.ndarray:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "halved", fail)
    with pytest.raises(UserError, match="No space left"):
        write_image(path, blob(), zarr="0.5")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.zarr"]
    assert read_image(path).data.shape == (2, 4, 4)


def test_a_zarr_that_is_too_old_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels_module, "package_version", lambda _name: "2.18.7")
    with pytest.raises(UserError, match=r"zarr 3\.1 is needed, not 2\.18\.7: pip install"):
        write_image(tmp_path / "a.ome.zarr", blob())
    assert list(tmp_path.iterdir()) == []


def test_a_small_image_has_the_full_resolution_alone(tmp_path: Path) -> None:
    write_image(tmp_path / "a.ome.zarr", np.ones((2, 4, 4), "float32"), scale=(3, 1, 1))
    attributes = json.loads((tmp_path / "a.ome.zarr" / ".zattrs").read_text())
    (image,) = attributes["multiscales"]
    assert image["datasets"] == [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [3.0, 1.0, 1.0]}]}
    ]
