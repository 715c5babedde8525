"""The formats of microscopes, read from files that `golden` makes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io import depth_stack, describe, is_stack, read_header, read_image
from napari_microdiffusion.io.scanimage import page_order

from .golden import interleaved, ramp, write_bruker, write_lsm, write_ngff, write_scanimage

SLOW = {
    "hChannels.channelSave": [1, 3],
    "hChannels.channelName": ["green", "far red", "red"],
    "hStackManager.enable": True,
    "hStackManager.numSlices": 4,
    "hStackManager.actualNumSlices": 4,
    "hStackManager.framesPerSlice": 3,
    "hStackManager.stackZStepSize": -2.5,
    "hScan2D.logAverageFactor": 1,
    "hFastZ.enable": False,
    "hRoiManager.imagingFovUm": [[-45, -70], [45, -70], [45, 70], [-45, 70]],
}
# Volumes, slices, frames, channels, rows, columns.
STACK = ramp((1, 4, 3, 2, 7, 9), "int16")


class TestScanImage:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "stack_00001.tif"

    @pytest.mark.parametrize("static", [True, False])
    def test_channels_and_frames_are_told_apart(self, file: Path, static: bool) -> None:
        write_scanimage(file, interleaved(STACK), SLOW, static=static)
        image = read_image(file)
        assert (image.axes, image.data.shape) == ("tczyx", (3, 2, 4, 7, 9))
        np.testing.assert_array_equal(image.data, STACK[0].transpose(1, 2, 0, 3, 4))
        assert image.metadata["format"] == "ScanImage TIFF"
        assert image.metadata["channels"] == ("green", "red")
        assert (image.scale, image.unit) == ((2.5, 20.0, 10.0), "um")
        assert "Each slice was recorded 3 times" in image.metadata["notes"][0]

    def test_frames_of_a_slice_are_averaged_on_request(self, file: Path) -> None:
        write_scanimage(file, interleaved(STACK), SLOW)
        image = read_image(file)
        with pytest.raises(UserError, match=r"3 time points; choose one .* or average them"):
            depth_stack(image, channel="red")
        mean = depth_stack(image, channel="red", average_frames=True)
        np.testing.assert_array_equal(mean.data, STACK[0, :, :, 1].mean(axis=1))
        assert (mean.axes, mean.data.dtype) == ("zyx", np.float32)
        np.testing.assert_array_equal(depth_stack(image, "green", 2).data, STACK[0, :, 2, 0])
        with pytest.raises(UsageError, match="not both"):
            depth_stack(image, 0, 1, average_frames=True)

    def test_frames_that_were_averaged_while_saving_count_once(self, file: Path) -> None:
        header = SLOW | {"hScan2D.logAverageFactor": 3, "hChannels.channelSave": 2}
        write_scanimage(file, interleaved(STACK[:, :, :1, :1]), header)
        image = read_image(file)
        assert image.axes == "zyx"
        np.testing.assert_array_equal(image.data, STACK[0, :, 0, 0])
        assert image.metadata["notes"] == []

    def test_volumes_of_a_fast_drive_lose_their_flyback(self, file: Path) -> None:
        stack = ramp((3, 4, 1, 2, 7, 9), "int16")
        header = SLOW | {
            "hFastZ.enable": True,
            "hFastZ.numDiscardFlybackFrames": 2,
            "hStackManager.framesPerSlice": 1,
        }
        for more in (
            {},
            {"hStackManager.numFramesPerVolume": 4, "hStackManager.numFramesPerVolumeWithFlyback": 6},
        ):
            write_scanimage(file, interleaved(stack, flyback=2), header | more)
            image = read_image(file)
            assert (image.axes, image.data.shape) == ("tczyx", (3, 2, 4, 7, 9))
            np.testing.assert_array_equal(image.data, stack[:, :, 0].transpose(0, 2, 1, 3, 4))

    def test_a_recording_that_was_stopped_keeps_its_whole_slices(self, file: Path) -> None:
        write_scanimage(file, interleaved(STACK)[:-7], SLOW)
        image = read_image(file)
        np.testing.assert_array_equal(image.data, STACK[0, :2].transpose(1, 2, 0, 3, 4))
        assert image.metadata["notes"][0] == "The recording ends after 2 of 4 slices."

    def test_a_time_series_of_one_plane_is_refused(self, file: Path) -> None:
        header = SLOW | {"hStackManager.enable": False, "hStackManager.framesPerSlice": float("inf")}
        write_scanimage(file, interleaved(STACK), header)
        with pytest.raises(UserError, match="time series of one plane \\(12 time points\\)"):
            read_image(file)
        assert not is_stack(file)

    def test_several_regions_in_a_page_have_no_scale(self, file: Path) -> None:
        write_scanimage(file, interleaved(STACK), SLOW, rois=2)
        image = read_image(file)
        assert image.scale is None
        assert "Several regions" in image.metadata["notes"][-1]

    def test_a_missing_field_of_view_gives_no_scale(self, file: Path) -> None:
        write_scanimage(file, interleaved(STACK), {k: v for k, v in SLOW.items() if "Fov" not in k})
        assert read_image(file).scale is None

    def test_an_old_version_is_refused_rather_than_guessed(self, file: Path) -> None:
        tifffile.imwrite(
            file, ramp(), description="state.configName='x'\rstate.acq.zStepSize=1", metadata=None
        )
        with pytest.raises(UserError, match="version of ScanImage that does not say how channels and slices"):
            read_image(file)
        assert read_image(file, axes="zyx").axes == "zyx"

    def test_cut_short(self, file: Path) -> None:
        write_scanimage(file, interleaved(STACK), SLOW)
        file.write_bytes(file.read_bytes()[:-40])
        with pytest.raises(UserError, match="is cut short"):
            read_image(file)

    @given(
        volumes=st.integers(1, 3),
        slices=st.integers(2, 4),
        frames=st.integers(1, 3),
        channels=st.integers(1, 3),
        flyback=st.integers(0, 2),
    )
    def test_every_page_finds_its_place(
        self, volumes: int, slices: int, frames: int, channels: int, flyback: int
    ) -> None:
        stack = ramp((volumes, slices, frames, channels, 2, 3))
        header = {
            "SI.hChannels.channelSave": list(range(1, channels + 1)),
            "SI.hStackManager.actualNumSlices": slices,
            "SI.hFastZ.enable": True,
            "SI.hStackManager.numFramesPerVolume": slices * frames,
            "SI.hStackManager.numFramesPerVolumeWithFlyback": slices * frames + flyback,
        }
        pages = interleaved(stack, flyback)
        order, _ = page_order(header, len(pages), "stack.tif")
        found = order.arrange(pages).reshape(volumes, frames, channels, slices, 2, 3)
        np.testing.assert_array_equal(found, stack.transpose(0, 2, 3, 1, 4, 5))


class TestBruker:
    data = ramp((2, 3, 7, 9))

    @pytest.mark.parametrize("master", ["all", "first", "companion"])
    def test_a_set_is_whole_from_any_of_its_files(self, tmp_path: Path, master: str) -> None:
        for file in write_bruker(tmp_path, self.data, master):
            image = read_image(file)
            assert image.axes == "czyx"
            np.testing.assert_array_equal(image.data, self.data)
            assert image.scale == (3.0, 0.5, 0.5)
            assert image.metadata["channels"] == ("Ch1", "Ch2")

    @pytest.mark.parametrize("master", ["first", "companion"])
    def test_without_its_description_a_set_is_refused(self, tmp_path: Path, master: str) -> None:
        files = write_bruker(tmp_path, self.data, master)
        alone = tmp_path / "elsewhere"
        alone.mkdir()
        shutil.copy(files[2], alone)
        with pytest.raises(UserError, match=r"one file of a set that .* describes; keep all of them in one"):
            read_image(alone / files[2].name)

    def test_a_missing_plane_is_noticed(self, tmp_path: Path) -> None:
        files = write_bruker(tmp_path, self.data, "first")
        files[3].unlink()
        with pytest.raises(UserError, match="lacks 1 of its 6 planes"):
            read_image(files[0])

    def test_a_master_in_another_folder_is_not_followed(self, tmp_path: Path) -> None:
        files = write_bruker(tmp_path, self.data, "first")
        with tifffile.TiffFile(files[1]) as file:
            text = file.pages.first.description.replace(files[0].name, f"../{files[0].name}")
        below = tmp_path / "below"
        below.mkdir()
        tifffile.imwrite(below / "one.ome.tif", self.data[0, 0], description=text, metadata=None)
        with pytest.raises(UserError, match="one file of a set"):
            read_image(below / "one.ome.tif")


class TestLsm:
    def test_scale_and_pixels(self, tmp_path: Path) -> None:
        write_lsm(tmp_path / "stack.lsm", ramp(), (1.5, 0.25, 0.25))
        image = read_image(tmp_path / "stack.lsm")
        np.testing.assert_array_equal(image.data, ramp())
        assert (image.axes, image.scale, image.name) == ("zyx", (1.5, 0.25, 0.25), "stack")
        assert image.metadata["format"] == "LSM"
        assert image.metadata["notes"] == []

    def test_channels(self, tmp_path: Path) -> None:
        data = ramp((4, 3, 7, 9))
        write_lsm(tmp_path / "stack.lsm", data, (1.5, 0.25, 0.25))
        image = read_image(tmp_path / "stack.lsm")
        np.testing.assert_array_equal(image.data, data.swapaxes(0, 1))


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
        from napari_microdiffusion.io import ome_zarr

        write_ngff(tmp_path / "a.zarr", ramp(), "zyx", (3, 1, 1))
        monkeypatch.setattr(ome_zarr, "find_spec", lambda _name: None)
        assert read_header(tmp_path / "a.zarr").scale == (3.0, 1.0, 1.0)
        with pytest.raises(UserError, match=r"pip install \"napari-microdiffusion\[zarr\]\""):
            read_image(tmp_path / "a.zarr")


class TestNamedAxes:
    @pytest.mark.parametrize(
        ("shape", "options", "axes", "expected"),
        [
            ((2, 3, 5, 7), {"photometric": "minisblack"}, "czyx", "czyx"),
            ((3, 2, 5, 7), {"photometric": "minisblack"}, "ZTYX", "tzyx"),
            ((4, 5, 7), {"imagej": True, "metadata": {"axes": "TYX"}}, "zyx", "zyx"),
        ],
    )
    def test_the_person_names_them(
        self, tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], axes: str, expected: str
    ) -> None:
        file = tmp_path / "stack.tif"
        tifffile.imwrite(file, ramp(shape), **options)
        with pytest.raises(UserError, match="setting axes"):
            read_image(file)
        image = read_image(file, axes=axes)
        assert image.axes == expected
        order = [axes.lower().index(letter) for letter in expected]
        np.testing.assert_array_equal(image.data, ramp(shape).transpose(order))

    @pytest.mark.parametrize("axes", ["zy", "zyxx", "zyq", "tyx", "tczyx", ""])
    def test_names_that_do_not_fit(self, tmp_path: Path, axes: str) -> None:
        file = tmp_path / "stack.tif"
        tifffile.imwrite(file, ramp(), photometric="minisblack")
        with pytest.raises(UsageError, match="axes is"):
            read_image(file, axes=axes)
