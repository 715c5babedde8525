"""A video that stays in its file."""

import gc

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import reading, write_image
from napari_microdiffusion.stacks.frames_on_disk import open_frames
from napari_microdiffusion.stacks.reader import image_layers

FRAMES = np.random.default_rng(0).integers(0, 1000, (12, 3, 8, 9)).astype(np.uint16)


@pytest.fixture(params=["video.ome.tif", "video.tif", "video.ome.zarr"])
def path(request, tmp_path):
    write_image(tmp_path / request.param, FRAMES, axes="tzyx", scale=(4, 1, 1), step_length=4)
    return tmp_path / request.param


def test_a_frame_is_read_when_it_is_asked_for(path, monkeypatch):
    read = []
    original = reading.Pixels.__getitem__

    def note(self, key):
        read.append(key)
        return original(self, key)

    monkeypatch.setattr(reading.Pixels, "__getitem__", note)
    image = open_frames(path)
    assert image.axes == "tzyx"
    assert image.data.shape == FRAMES.shape
    assert read == []
    np.testing.assert_array_equal(np.asarray(image.data[7]), FRAMES[7])
    assert read == [7]


def test_layers_of_it_show_it_as_those_in_memory(path):
    ((data, look, _),) = image_layers(open_frames(path))
    assert look["axis_labels"] == ("t", "z", "y", "x")
    assert look["scale"] == (1.0, 4.0, 1.0, 1.0)
    low, high = look["contrast_limits"]
    assert 0 <= low < 100 < 900 < high
    np.testing.assert_array_equal(np.asarray(data), FRAMES)


def test_the_file_is_closed_with_the_last_who_reads_it(tmp_path):
    path = tmp_path / "video.tif"
    write_image(path, FRAMES, axes="tzyx", step_length=4)
    part = open_frames(path).data[2:5]
    gc.collect()
    np.testing.assert_array_equal(np.asarray(part[0]), FRAMES[2])
    del part
    gc.collect()
    path.unlink()  # Windows would refuse an open file


def test_a_stack_is_read_and_a_bad_file_refused(tmp_path):
    write_image(tmp_path / "stack.tif", FRAMES[0], scale=(4, 1, 1))
    assert isinstance(open_frames(tmp_path / "stack.tif").data, np.ndarray)
    (tmp_path / "bad.tif").write_bytes(b"no image")
    with pytest.raises(UserError):
        open_frames(tmp_path / "bad.tif")
