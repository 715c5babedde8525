"""Volumes on disk."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.video.frame_store import FrameStore

SHAPE = (3, 2, 4, 5)


def test_what_is_written_is_read_and_the_rest_is_zero(tmp_path):
    store = FrameStore(SHAPE, tmp_path)
    volume = np.arange(40, dtype=np.float64).reshape(SHAPE[1:])
    store.write(1, volume)
    np.testing.assert_array_equal(store.frames[1], volume)
    assert not store.frames[[0, 2]].any()
    assert store.frames.shape == SHAPE
    assert store.frames.dtype == np.float32


def test_no_file_is_left_and_what_is_read_outlives_the_store(tmp_path):
    store = FrameStore(SHAPE, tmp_path)
    store.write(0, np.ones(SHAPE[1:]))
    frames = store.frames[:2]
    del store
    assert frames[0].all()
    del frames
    assert list(tmp_path.iterdir()) == []


def test_the_first_volumes_are_read_plane_by_plane(tmp_path):
    store = FrameStore(SHAPE, tmp_path)
    volumes = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    for index in range(2):
        store.write(index, volumes[index])
    first = store.first(2)
    assert first.shape == (2, *SHAPE[1:])
    assert first.nbytes == volumes[:2].nbytes
    np.testing.assert_array_equal(np.stack(list(first.planes())), volumes[:2].reshape(-1, *SHAPE[2:]))


def test_a_full_disk_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=100))
    with pytest.raises(UserError, match="GB left; choose a folder on another disk"):
        FrameStore(SHAPE, tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot hold the volumes"):
        FrameStore(SHAPE, tmp_path / "nowhere")


def test_a_disk_that_fills_up_is_told(tmp_path):
    class Full:
        def seek(self, _place):
            pass

        def write(self, _data):
            raise OSError(28, "No space left on device")

    store = FrameStore(SHAPE, tmp_path)
    store._file = Full()
    with pytest.raises(UserError, match=r"frame 2 could not be written.*No space left"):
        store.write(2, np.ones(SHAPE[1:]))
