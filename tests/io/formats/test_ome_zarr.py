"""OME-Zarr folders of all versions."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import describe, is_stack, read_header, read_image

from ..golden import ramp, write_ngff


class TestOmeZarr:
    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    def test_the_full_resolution_with_its_scale(self, tmp_path: Path, version: str) -> None:
        path = tmp_path / "stack.ome.zarr"
        data = ramp((2, 3, 5, 7, 9), ">u2" if version == "0.4" else "uint16")
        labels = {"omero": {"channels": [{"label": name} for name in ("a", "b", "c")]}}
        write_ngff(path, data, "tczyx", (1, 1, 3000, 500, 250), version, "nanometer", **labels)
        image = read_image(path)
        np.testing.assert_array_equal(image.data, data)
        assert image.data.dtype.isnative
        assert (image.axes, image.scale, image.unit) == ("tczyx", (3.0, 0.5, 0.25), "um")
        assert image.metadata["channels"] == ("a", "b", "c")
        assert (image.metadata["format"], image.name) == (f"OME-Zarr {version}", "stack")
        assert is_stack(path)
        assert describe(path)["scale"] == [3.0, 0.5, 0.25]

    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    @pytest.mark.parametrize(("scale", "expected"), [((1, 1, 1), None), ((6, 1, 1), (6.0, 1.0, 1.0))])
    def test_a_scale_without_a_unit_is_no_length(
        self, tmp_path: Path, version: str, scale: Any, expected: Any
    ) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", scale, version, unit=None)
        image = read_image(tmp_path / "a.zarr")
        assert (image.scale, image.unit) == (expected, "um" if expected is None else "pixel")

    def test_axes_in_another_order(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp((4, 2, 7, 9)), "zcyx", (3, 1, 0.5, 0.5), "0.5")
        image = read_image(tmp_path / "a.zarr")
        np.testing.assert_array_equal(image.data, ramp((4, 2, 7, 9)).swapaxes(0, 1))
        assert image.scale == (3, 0.5, 0.5)

    def test_a_header_file_stands_for_its_folder(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        assert read_image(tmp_path / "a.zarr" / "zarr.json").name == "a"

    def test_one_of_several_images(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "all.zarr" / "0", ramp(), "zyx", (3, 1, 1), "0.4")
        (tmp_path / "all.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
        (tmp_path / "all.zarr" / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
        image = read_image(tmp_path / "all.zarr")
        np.testing.assert_array_equal(image.data, ramp())
        assert "several images; 0 is used" in image.metadata["notes"][0]

    def test_a_bare_array(self, tmp_path: Path) -> None:
        import zarr

        zarr.create_array(tmp_path / "bare.zarr", data=ramp())
        zarr.create_array(tmp_path / "named.zarr", data=ramp(), dimension_names=["y", "z", "x"])
        assert "is taken as z" in read_image(tmp_path / "bare.zarr").metadata["notes"][0]
        np.testing.assert_array_equal(read_image(tmp_path / "named.zarr").data, ramp().swapaxes(0, 1))

    @pytest.mark.parametrize(
        ("axes", "shape", "message"),
        [
            ("tyx", (4, 7, 9), "time series of one plane"),
            ("cyx", (4, 7, 9), "4 channels of one plane"),
            ("yx", (7, 9), "single 2D image"),
        ],
    )
    def test_what_is_no_stack(self, tmp_path: Path, axes: str, shape: tuple[int, ...], message: str) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(shape), axes, [1.0] * len(axes))
        with pytest.raises(UserError, match=f"^a.zarr .*{message}"):
            read_image(tmp_path / "a.zarr")
        assert not is_stack(tmp_path / "a.zarr")

    def test_a_plate_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "plate.zarr"
        folder.mkdir()
        (folder / "zarr.json").write_text(
            json.dumps({"node_type": "group", "attributes": {"ome": {"plate": {}}}})
        )
        with pytest.raises(UserError, match="holds a plate of several images"):
            read_image(folder)

    @pytest.mark.parametrize("text", ["{", "[]", '{"attributes": {"ome": {"multiscales": []}}}', "\0"])
    def test_a_damaged_header_is_one_sentence(self, tmp_path: Path, text: str) -> None:
        folder = tmp_path / "bad.zarr"
        folder.mkdir()
        (folder / "zarr.json").write_text(text)
        with pytest.raises(UserError, match=r"^bad\.zarr ") as caught:
            read_image(folder)
        assert "\n" not in str(caught.value)

    def test_a_missing_array_is_one_sentence(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        shutil.rmtree(tmp_path / "a.zarr" / "0")
        with pytest.raises(UserError, match="lacks its full-resolution array 0"):
            read_image(tmp_path / "a.zarr")

    def test_an_array_outside_the_folder_is_not_followed(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        header = tmp_path / "a.zarr" / "zarr.json"
        header.write_text(header.read_text().replace('"path": "0"', '"path": "../b.zarr/0"'))
        write_ngff(tmp_path / "b.zarr", ramp(), "zyx", (3, 1, 1))
        with pytest.raises(UserError, match="outside its own folder"):
            read_image(tmp_path / "a.zarr")

    def test_the_header_needs_no_zarr(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from napari_microdiffusion.io.formats.ome_zarr import images as ome_zarr

        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        monkeypatch.setattr(ome_zarr, "find_spec", lambda _name: None)
        assert read_header(tmp_path / "a.zarr").scale == (3.0, 1.0, 1.0)
        with pytest.raises(UserError, match=r"pip install \"napari-microdiffusion\[zarr\]\""):
            read_image(tmp_path / "a.zarr")
