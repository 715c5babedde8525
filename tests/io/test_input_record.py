"""What the provenance tells of an input."""

import hashlib
import json
from pathlib import Path

import numpy as np
import tifffile

from napari_microdiffusion.io import ImageStack, depth_stack, input_record, read_image

from .golden import ramp, write_bruker, write_ngff


def test_the_choice_among_images_channels_and_times(tmp_path: Path) -> None:
    path = tmp_path / "all.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for name in ("left", "right"):
            options = {"photometric": "minisblack", "metadata": {"axes": "TCZYX", "Name": name}}
            writer.write(ramp((3, 2, 4, 7, 9)), **options)
    image = depth_stack(read_image(path, position="right"), channel=1, time=2)
    record = input_record(image)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["position"] == {"index": 1, "name": "right"}
    assert (record["positions"], record["channel"], record["time"]) == (2, 1, 2)
    assert record["sha256_of_file"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record["bytes"], record["files"]) == (path.stat().st_size, ["all.ome.tif"])
    mean = input_record(depth_stack(read_image(path, position=0), 0, average_frames=True))
    assert (mean["time"], mean["averaged_frames"]) == (None, 3)


def test_all_files_of_a_set(tmp_path: Path) -> None:
    files = write_bruker(tmp_path, ramp((2, 3, 7, 9)), "first")
    record = input_record(read_image(files[2], axes=None))
    assert record["files"] == sorted(file.name for file in files)
    assert record["file"] == str(files[2])


def test_what_has_no_hash(tmp_path: Path) -> None:
    write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
    assert input_record(read_image(tmp_path / "a.zarr"))["sha256_of_file"] is None
    assert input_record(ImageStack(np.zeros((2, 3, 4)), name="layer")) == {"name": "layer", "file": None}
