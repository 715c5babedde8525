"""Stacks of ScanImage, in the order in which they were recorded."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io import depth_stack, is_stack, read_image
from napari_microdiffusion.io.formats.scanimage import recording_of
from napari_microdiffusion.io.formats.scanimage_frames import pages_in_order

from ..golden import interleaved, ramp, write_scanimage

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
        order, _ = pages_in_order(len(pages), None, recording_of(header, len(pages)), "stack.tif")
        found = pages[order].reshape(volumes, frames, channels, slices, 2, 3)
        np.testing.assert_array_equal(found, stack.transpose(0, 2, 3, 1, 4, 5))
