"""Images that stay in their files."""

import gc
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import reading, write_image
from napari_microdiffusion.io.formats.ome_zarr.pixels import ZarrPixels
from napari_microdiffusion.stacks import on_disk
from napari_microdiffusion.stacks.on_disk import open_frames, open_stack
from napari_microdiffusion.stacks.reader import image_layers, read_layers
from napari_microdiffusion.stacks.writer import write_layers

FRAMES = np.random.default_rng(0).integers(0, 1000, (12, 3, 8, 9)).astype(np.uint16)
# Of 600 pixels a side an OME-Zarr has two resolutions.
VOLUME = np.random.default_rng(1).integers(0, 1000, (40, 600, 520)).astype(np.uint16)


@pytest.fixture(params=["video.ome.tif", "video.tif", "video.ome.zarr"])
def path(request, tmp_path):
    write_image(tmp_path / request.param, FRAMES, axes="tzyx", scale=(4, 1, 1), step_length=4)
    return tmp_path / request.param


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(on_disk, "LARGE", 1)


@pytest.fixture
def read(monkeypatch):
    """How many values are read of an open file, with the shape of what they are read of."""
    found: list[tuple[tuple[int, ...], int]] = []

    class Noting(reading.Pixels):
        def __init__(self, source):
            def load(at):
                values = source.load(at)
                found.append((source.shape, values.size))
                return values

            super().__init__(replace(source, load=load))

    monkeypatch.setattr(reading, "Pixels", Noting)
    return found


def test_a_frame_is_read_when_it_is_asked_for(path, read):
    image = open_frames(path)
    assert image.axes == "tzyx"
    assert image.data.shape == FRAMES.shape
    assert read == []
    np.testing.assert_array_equal(np.asarray(image.data[7]), FRAMES[7])
    assert read == [(FRAMES.shape, FRAMES[7].size)]


def test_layers_of_it_show_it_as_those_in_memory(path):
    ((data, look, _),) = image_layers(open_frames(path))
    assert look["axis_labels"] == ("t", "z", "y", "x")
    assert look["scale"] == (1.0, 4.0, 1.0, 1.0)
    low, high = look["contrast_limits"]
    assert 0 <= low < 100 < 900 < high
    np.testing.assert_array_equal(np.asarray(data), FRAMES)


def test_the_file_is_closed_with_the_last_who_reads_it(tmp_path, everything_is_large):
    for opened in (lambda path: open_frames(path).data, lambda path: open_stack(path)[0].data):
        path = tmp_path / "video.tif"
        write_image(path, FRAMES, axes="tzyx", step_length=4)
        part = opened(path)[2:5]
        gc.collect()
        np.testing.assert_array_equal(np.asarray(part[0]), FRAMES[2])
        del part
        gc.collect()
        path.unlink()  # Windows would refuse an open file


def test_a_small_stack_is_read_and_a_bad_file_refused(tmp_path):
    write_image(tmp_path / "stack.tif", FRAMES[0], scale=(4, 1, 1))
    assert isinstance(open_frames(tmp_path / "stack.tif").data, np.ndarray)
    assert isinstance(open_stack(tmp_path / "stack.tif")[0].data, np.ndarray)
    (tmp_path / "bad.tif").write_bytes(b"no image")
    for opened in (open_frames, open_stack):
        with pytest.raises(UserError):
            opened(tmp_path / "bad.tif")


@pytest.mark.parametrize("kind", ["0.4", "0.5", "0.5-sharded"])
def test_a_large_zarr_is_opened_at_its_resolutions_without_reading_one_of_them(
    tmp_path, everything_is_large, read, kind
):
    write_image(tmp_path / "volume.ome.zarr", VOLUME, scale=(2, 1, 1), zarr=kind)
    ((levels, look, _),) = read_layers(tmp_path / "volume.ome.zarr")
    assert look["multiscale"] is True
    assert [level.shape for level in levels] == [VOLUME.shape, (40, 300, 260)]
    low, high = look["contrast_limits"]
    assert 0 <= low < high <= 1000
    # The contrast is that of some planes of the coarse one.
    assert read and {shape for shape, _ in read} == {levels[-1].shape}
    assert sum(size for _, size in read) < levels[-1].size
    np.testing.assert_array_equal(np.asarray(levels[0]), VOLUME)
    np.testing.assert_array_equal(np.asarray(levels[0][17, 100:300, 50:70]), VOLUME[17, 100:300, 50:70])
    np.testing.assert_array_equal(np.asarray(levels[0][:, 33, :]), VOLUME[:, 33, :])
    mean = VOLUME.reshape(40, 300, 2, 260, 2).mean((2, 4))
    np.testing.assert_allclose(np.asarray(levels[1]), mean, atol=0.5)


@pytest.mark.parametrize("name", ["volume.tif", "volume.ome.tif"])
def test_a_large_tiff_is_read_plane_by_plane(tmp_path, everything_is_large, read, name):
    write_image(tmp_path / name, VOLUME, scale=(2, 1, 1))
    ((data, look, _),) = read_layers(tmp_path / name)
    assert "multiscale" not in look and data.chunksize == (1, 600, 520)
    assert sum(size for _, size in read) < data.size / 2
    read.clear()
    np.testing.assert_array_equal(np.asarray(data[23]), VOLUME[23])
    assert read == [(VOLUME.shape, VOLUME[23].size)]


@pytest.mark.parametrize("name", ["all.ome.zarr", "all.ome.tif", "all.tif"])
def test_channels_and_time_of_a_large_file(tmp_path, everything_is_large, name):
    data = np.random.default_rng(2).integers(0, 1000, (3, 2, 4, 530, 16)).astype(np.uint16)
    write_image(tmp_path / name, data, axes="tczyx", scale=(2, 1, 1), channels=("red", "green"))
    layers = read_layers(tmp_path / name)
    assert len(layers) == 2
    for channel, (levels, look, _) in enumerate(layers):
        finest = levels[0] if look.get("multiscale") else levels
        assert look.get("multiscale", False) is name.endswith(".zarr")
        assert look["axis_labels"] == ("t", "z", "y", "x")
        np.testing.assert_array_equal(np.asarray(finest), data[:, channel])
        np.testing.assert_array_equal(np.asarray(finest[2, 1]), data[2, channel, 1])


def test_a_zarr_without_names_of_axes_is_read_in_parts(tmp_path, everything_is_large):
    import zarr

    zarr.create_array(tmp_path / "bare.zarr", data=VOLUME, chunks=(8, 64, 64))
    (image,) = open_stack(tmp_path / "bare.zarr")
    # Pieces of the file that are read together hold some million pixels.
    assert image.data.chunksize == (8, 600, 520)
    np.testing.assert_array_equal(np.asarray(image.data[5, 100:200, 3]), VOLUME[5, 100:200, 3])


@pytest.mark.parametrize("wrong", ["gone", "not named", "larger", "of another type", "holes"])
def test_a_coarser_resolution_that_does_not_fit_is_left_out(tmp_path, everything_is_large, wrong):
    import zarr

    path = tmp_path / "volume.ome.zarr"
    write_image(path, VOLUME, scale=(2, 1, 1))
    if wrong == "not named":
        header = path / ".zattrs"
        content = json.loads(header.read_text())
        del content["multiscales"][0]["datasets"][1]["path"]
        header.write_text(json.dumps(content))
    elif wrong == "holes":
        shutil.rmtree(path / "1" / "0")
    else:
        shutil.rmtree(path / "1")
    if wrong in ("larger", "of another type"):
        shape, dtype = ((80, 600, 520), "uint16") if wrong == "larger" else ((40, 300, 260), "float32")
        zarr.create_array(path, name="1", data=np.ones(shape, dtype), zarr_format=2)
    (image,) = open_stack(path)
    np.testing.assert_array_equal(np.asarray(image.data[3]), VOLUME[3])


def test_a_damaged_chunk_is_one_sentence_when_it_is_read(tmp_path, everything_is_large):
    path = tmp_path / "volume.ome.zarr"
    write_image(path, VOLUME, scale=(2, 1, 1))
    chunks = sorted(file for file in (path / "0").rglob("*") if file.is_file() and file.name.isdecimal())
    chunks[-1].write_bytes(b"garbage!")
    ((levels, _, _),) = read_layers(path)
    np.testing.assert_array_equal(np.asarray(levels[0][0]), VOLUME[0])
    with pytest.raises(UserError, match=r"volume\.ome\.zarr is damaged .* copy or export it again"):
        np.asarray(levels[0][-1])
    for chunk in (path / "1").rglob("*"):
        if chunk.is_file() and chunk.name.isdecimal():
            chunk.write_bytes(b"garbage!")
    with pytest.raises(UserError, match=r"volume\.ome\.zarr is damaged"):
        read_layers(path)


@pytest.mark.parametrize("name", ["copy.ome.tif", "copy.ome.zarr"])
def test_what_lies_in_a_file_is_written_plane_by_plane(tmp_path, everything_is_large, name, monkeypatch):
    write_image(tmp_path / "volume.ome.zarr", VOLUME, scale=(2, 1, 1))
    (layer,) = read_layers(tmp_path / "volume.ome.zarr")
    largest = []
    original = ZarrPixels.__call__

    def note(self, at):
        values = original(self, at)
        largest.append(values.size)
        return values

    monkeypatch.setattr(ZarrPixels, "__call__", note)
    attributes = {**layer[1], "rotate": np.eye(3), "affine": np.eye(4), "shear": np.zeros(3)}
    write_layers(str(tmp_path / name), [(layer[0], attributes, "image")])
    assert max(largest) < VOLUME.size / 2
    np.testing.assert_array_equal(reading.read_image(tmp_path / name).data, VOLUME)
    with pytest.raises(UserError):
        write_layers(str(tmp_path / "volume.ome.zarr"), [(layer[0], attributes, "image")])
