"""Micro-Manager and NDTiff: planes at the places that each page names."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import UnchosenPosition, read_image

from ..golden import ramp


def write_ndtiff(path: Path, data: np.ndarray, names: list[str], order: list[int] | None = None) -> None:
    """Pages of an NDTiff file whose index file is lost: each says where it belongs."""
    places = list(product(*map(range, data.shape[:-2])))
    planes = data.reshape(-1, *data.shape[-2:])
    with tifffile.TiffWriter(path) as writer:
        for number in order or range(len(planes)):
            axes: dict[str, Any] = dict(zip(names, places[number], strict=True))
            if "channel" in axes:
                axes["channel"] = ("DAPI", "GFP")[axes["channel"]]
            text = json.dumps({"Axes": axes, "PixelSizeUm": 0.5}).encode() + b"\0"
            tag = [(51123, 2, len(text), text, True)]
            writer.write(planes[number], metadata=None, contiguous=False, extratags=tag)


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the head of an NDTiff file says, which tifffile reads from behind its first bytes."""
    found: dict[str, Any] = {"z-step_um": 3.0}
    table = {"MajorVersion": 3, "Summary": found}
    monkeypatch.setattr(tifffile.tifffile, "read_micromanager_metadata", lambda *_: table)
    return found


def test_planes_are_placed_by_what_each_page_says(tmp_path: Path, summary: dict[str, Any]) -> None:
    data = ramp((2, 5, 7, 9))
    order = np.random.default_rng(0).permutation(10).tolist()
    write_ndtiff(tmp_path / "a.tif", data, ["channel", "z"], order)
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.scale) == ("czyx", (3.0, 0.5, 0.5))
    # Channels are numbered as they come.
    first = ("DAPI", "GFP")[order[0] // 5]
    np.testing.assert_array_equal(image.data, data if first == "DAPI" else data[::-1])


def test_positions_are_listed_and_chosen(tmp_path: Path, summary: dict[str, Any]) -> None:
    data = ramp((3, 5, 7, 9))
    write_ndtiff(tmp_path / "a.tif", data, ["position", "z"])
    with pytest.raises(UnchosenPosition, match=r"holds 3 images; .*0 \(position 0\), 1 \(position 1\)"):
        read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", position=2).data, data[2])


def test_a_missing_plane_is_noticed(tmp_path: Path, summary: dict[str, Any]) -> None:
    write_ndtiff(tmp_path / "a.tif", ramp((2, 5, 7, 9)), ["time", "z"], [0, 1, 2, 3, 4, 5, 6, 8, 9])
    with pytest.raises(UserError, match="lacks 1 of its 10 planes"):
        read_image(tmp_path / "a.tif")


def test_fewer_slices_than_were_planned(tmp_path: Path, summary: dict[str, Any]) -> None:
    write_ndtiff(tmp_path / "a.tif", ramp(), ["z"])
    summary["Slices"] = 8
    with pytest.raises(UserError, match="lacks 3 of its 8 planes"):
        read_image(tmp_path / "a.tif")
    del summary["Slices"]
    summary["Frames"] = 4
    assert "4 frames were planned, 1 are there." in read_image(tmp_path / "a.tif").metadata["notes"]


def test_an_axis_of_another_name_is_no_depth(tmp_path: Path, summary: dict[str, Any]) -> None:
    write_ndtiff(tmp_path / "a.tif", ramp(), ["view"])
    with pytest.raises(UserError, match=r"does not say where its planes belong; .*--axes zyx"):
        read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", axes="zyx").data, ramp())
