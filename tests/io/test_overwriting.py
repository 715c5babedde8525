"""What is read is never written: no file of its set, and not by another name."""

import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import check_not_read, sources_of, write_image

from .golden import ramp, write_bruker, write_ngff


def test_every_file_of_a_set(tmp_path: Path) -> None:
    files = write_bruker(tmp_path, ramp((2, 3, 7, 9)), "first")
    sources = sources_of(files[4])
    for file in files:
        with pytest.raises(UserError, match="would be overwritten, which is read"):
            check_not_read(file, sources)
    check_not_read(tmp_path / "other.tif", sources)


def test_the_description_beside_a_set(tmp_path: Path) -> None:
    files = write_bruker(tmp_path, ramp((2, 3, 7, 9)), "companion")
    with pytest.raises(UserError, match="which is read"):
        check_not_read(tmp_path / "ZSeries.companion.ome", sources_of(files[0]))


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_links(tmp_path: Path, link) -> None:
    write_image(tmp_path / "in.tif", ramp())
    link(tmp_path / "in.tif", tmp_path / "link.tif")
    for read, written in (("in.tif", "link.tif"), ("link.tif", "in.tif")):
        with pytest.raises(UserError, match="which is read"):
            check_not_read(tmp_path / written, sources_of(tmp_path / read))


def test_a_zarr_by_its_header_file_and_what_lies_in_it(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "in.zarr", data=ramp(), zarr_format=2)
    write_ngff(tmp_path / "all.zarr" / "0", ramp(), "zyx", (3, 1, 1), "0.4")
    for read, written in (
        ("in.zarr/.zarray", "in.zarr"),
        ("in.zarr", "in.zarr"),
        ("in.zarr", "in.zarr/volume.tif"),
        ("all.zarr/0", "all.zarr"),
        ("all.zarr/0/.zattrs", "all.zarr/0/0"),
    ):
        with pytest.raises(UserError, match="which is read"):
            check_not_read(tmp_path / written, sources_of(tmp_path / read))
    check_not_read(tmp_path / "out.zarr", sources_of(tmp_path / "in.zarr"))


def test_what_is_no_image_is_its_only_source(tmp_path: Path) -> None:
    (tmp_path / "prior.safetensors").write_bytes(b"x")
    assert sources_of(tmp_path / "prior.safetensors") == {tmp_path / "prior.safetensors"}
    with pytest.raises(UserError):
        check_not_read(
            tmp_path / "sub" / ".." / "prior.safetensors", sources_of(tmp_path / "prior.safetensors")
        )


def test_of_several_images_all_files_are_sources(tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_ngff(tmp_path / "all.zarr" / name, np.asarray(ramp()), "zyx", (3, 1, 1), "0.4")
    (tmp_path / "all.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(UserError):
        check_not_read(tmp_path / "all.zarr" / "1", sources_of(tmp_path / "all.zarr"))
