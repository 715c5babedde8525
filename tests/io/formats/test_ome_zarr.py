"""OME-Zarr folders of all versions."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import UnchosenPosition, describe, is_stack, read_header, read_image

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
        assert image.metadata["positions"] == ()

    def test_several_images_are_listed_and_chosen(self, tmp_path: Path) -> None:
        for name in ("0", "1", "10"):
            write_ngff(tmp_path / "all.zarr" / name, ramp() + int(name), "zyx", (3, 1, 1), "0.4")
        (tmp_path / "all.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
        with pytest.raises(UnchosenPosition, match=r"holds 3 images; .* \(--position\): 0, 1, 2 \(10\)"):
            read_image(tmp_path / "all.zarr")
        assert is_stack(tmp_path / "all.zarr")
        for choice in (2, "10"):
            image = read_image(tmp_path / "all.zarr", position=choice)
            np.testing.assert_array_equal(image.data, ramp() + 10)
            assert (image.name, image.metadata["position"]) == ("all 10", 2)
        with pytest.raises(UserError, match="has no position 7; there are 0, 1, 2"):
            read_image(tmp_path / "all.zarr", position=7)

    def test_the_fields_of_a_plate_are_positions(self, tmp_path: Path) -> None:
        plate = {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
        for well in ("A/1", "B/2"):
            write_ngff(tmp_path / "plate.zarr" / well / "0", ramp() + ord(well[0]), "zyx", (3, 1, 1), "0.4")
            (tmp_path / "plate.zarr" / well / ".zgroup").write_text('{"zarr_format": 2}')
            (tmp_path / "plate.zarr" / well / ".zattrs").write_text('{"well": {"images": [{"path": "0"}]}}')
        (tmp_path / "plate.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
        (tmp_path / "plate.zarr" / ".zattrs").write_text(json.dumps(plate))
        with pytest.raises(UnchosenPosition, match=r"0 \(A/1/0\), 1 \(B/2/0\)"):
            read_image(tmp_path / "plate.zarr")
        image = read_image(tmp_path / "plate.zarr", position="B/2/0")
        np.testing.assert_array_equal(image.data, ramp() + ord("B"))

    @pytest.mark.parametrize(
        "axis", [{"name": "phase", "type": "phase"}, {"name": "angle"}, {"name": "z", "type": "displacement"}]
    )
    def test_an_axis_that_is_no_depth_is_none(self, tmp_path: Path, axis: dict[str, str]) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (1, 1, 1), "0.4")
        header = tmp_path / "a.zarr" / ".zattrs"
        content = json.loads(header.read_text())
        content["multiscales"][0]["axes"][0] = axis
        header.write_text(json.dumps(content))
        with pytest.raises(
            UserError, match=rf"{axis.get('type', axis['name'])}.* \(5\); save one such stack"
        ):
            read_image(tmp_path / "a.zarr")
        assert read_image(tmp_path / "a.zarr", axes="zyx").axes == "zyx"

    def test_names_of_its_own_are_said_as_they_are(self, tmp_path: Path) -> None:
        import zarr

        zarr.create_array(tmp_path / "a.zarr", data=ramp(), dimension_names=["depth", "row", "col"])
        with pytest.raises(UserError, match=r"calls its axes depth, row, col; .*--axes zyx"):
            read_image(tmp_path / "a.zarr")
        np.testing.assert_array_equal(read_image(tmp_path / "a.zarr", axes="zyx").data, ramp())

    @pytest.mark.parametrize("where", ["dataset", "image"])
    def test_a_scale_shorter_than_the_axes_is_left_out_and_noted(self, tmp_path: Path, where: str) -> None:
        write_ngff(tmp_path / "a.zarr", ramp((2, 5, 7, 9)), "czyx", (1, 3, 1, 1), "0.4")
        header = tmp_path / "a.zarr" / ".zattrs"
        content = json.loads(header.read_text())
        short = [{"type": "scale", "scale": [3, 0.5, 0.5]}]
        holder = content["multiscales"][0]
        (holder if where == "image" else holder["datasets"][0])["coordinateTransformations"] = short
        header.write_text(json.dumps(content))
        image = read_image(tmp_path / "a.zarr")
        assert image.scale is None
        assert "3 numbers for 4 axes" in image.metadata["notes"][0]

    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    def test_planes_without_a_chunk_are_noted_and_arrays_without_any_refused(
        self, tmp_path: Path, version: str
    ) -> None:
        write_ngff(tmp_path / "a.zarr", ramp((2, 6, 7, 9)) + 1, "czyx", (1, 3, 1, 1), version)
        array = tmp_path / "a.zarr" / "0"
        assert read_image(tmp_path / "a.zarr").metadata["notes"] == []
        chunks = array if version == "0.4" else array / "c"
        shutil.rmtree(chunks / "0" / "1")
        image = read_image(tmp_path / "a.zarr")
        # Chunks of 4 planes: the second holds 2, of both channels.
        assert "4 of 12 planes have no chunk in the folder and are read as 0" in image.metadata["notes"][0]
        shutil.rmtree(chunks / "0")
        with pytest.raises(UserError, match="holds no pixels: none of its 12 chunks is there"):
            read_image(tmp_path / "a.zarr")

    def test_a_damaged_chunk_is_one_sentence_and_nothing_else(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp((8, 32, 32)), "zyx", (3, 1, 1), "0.4")
        (tmp_path / "a.zarr" / "0" / "0" / "1" / "0").write_bytes(b"garbage!")
        program = "import sys; from napari_microdiffusion.cli import main; main()"
        words = [sys.executable, "-c", program, "info", str(tmp_path / "a.zarr")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "a.zarr is damaged" in done.stderr

    def test_a_mask_is_described(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp() > 100, "zyx", (3, 1, 1), "0.4")
        found = describe(tmp_path / "a.zarr")
        assert (found["dtype"], found["minimum"], found["maximum"]) == ("bool", 0, 1)

    def test_a_unit_that_is_not_understood_is_noted(self, tmp_path: Path) -> None:
        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1), unit="second")
        image = read_image(tmp_path / "a.zarr")
        assert image.scale is None
        assert "'second' is no length" in image.metadata["notes"][0]

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

    def test_a_plate_without_images_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "plate.zarr"
        folder.mkdir()
        (folder / "zarr.json").write_text(
            json.dumps({"node_type": "group", "attributes": {"ome": {"plate": {}}}})
        )
        with pytest.raises(UserError, match="holds no OME-Zarr image"):
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
        from napari_microdiffusion.io.formats.ome_zarr import pixels as ome_zarr

        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        monkeypatch.setattr(ome_zarr, "find_spec", lambda _name: None)
        assert read_header(tmp_path / "a.zarr").scale == (3.0, 1.0, 1.0)
        with pytest.raises(UserError, match=r"pip install \"napari-microdiffusion\[zarr\]\""):
            read_image(tmp_path / "a.zarr")
