"""A disk that fills up while an image is written: one sentence, and what was there stays as it was."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image, save_checkpoint, write_image, write_json

OLD = np.zeros((4, 8, 8), np.float32)
# Two chunks of an OME-Zarr or more, which hardly compress.
NEW = np.random.default_rng(1).uniform(size=(6, 300, 300)).astype(np.float32)
NAMES = ["a.tif", "a.ome.tif", "a.ome.zarr"]


@pytest.fixture
def small_disk() -> Callable[[int], None]:
    """Lets no file grow beyond so many bytes, by the operating system's own limit."""
    resource = pytest.importorskip("resource", reason="limits of Unix")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", NAMES)
def test_no_room_for_an_image(tmp_path: Path, small_disk: Callable[[int], None], name: str) -> None:
    write_image(tmp_path / name, OLD)
    small_disk(20_000)
    with pytest.raises(UserError, match=f"{name} cannot be written: (File too large|no room is left for it)"):
        write_image(tmp_path / name, NEW)
    assert os.listdir(tmp_path) == [name]
    np.testing.assert_array_equal(read_image(tmp_path / name).data, OLD)
    small_disk(50_000_000)
    write_image(tmp_path / name, NEW)
    np.testing.assert_array_equal(read_image(tmp_path / name).data, NEW)


@pytest.mark.parametrize("before_it", [0, 1, 3])
def test_no_room_in_the_middle_of_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before_it: int
) -> None:
    from zarr.storage import LocalStore

    write_image(tmp_path / "a.ome.zarr", OLD)
    real, written = LocalStore.set, []

    async def filling(self, key, value, *rest, **options):
        if len(written) == before_it:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(key)
        await asyncio.sleep(0.2)  # one beside it fails meanwhile, and its folder must not come back
        return await real(self, key, value, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "set", filling)
        with pytest.raises(UserError, match="cannot be written: No space left on device"):
            write_image(tmp_path / "a.ome.zarr", NEW)
    assert len(written) == before_it
    assert os.listdir(tmp_path) == ["a.ome.zarr"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.zarr").data, OLD)


def test_no_room_when_the_disk_is_asked_to_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network shares accept every byte and report a full disk only at the end."""
    weights = {"a": np.zeros(3, np.float32)}
    writers: dict[str, Callable[[Path], None]] = {
        "a.json": lambda path: write_json(path, 1),
        "a.safetensors": lambda path: save_checkpoint(path, "inr", weights),
        "a.tif": lambda path: write_image(path, OLD),
    }
    for name, write in writers.items():
        write(tmp_path / name)
    before = {name: (tmp_path / name).read_bytes() for name in writers}

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for name, write in writers.items():
        with pytest.raises(UserError, match=f"{name} cannot be written: No space left on device"):
            write(tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
