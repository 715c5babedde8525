"""Stacks of ScanImage, in the order in which they were recorded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io import ImageStack, depth_stack, is_stack, read_image
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


FAST = {
    "hChannels.channelSave": 1,
    "hFastZ.enable": True,
    "hStackManager.enable": True,
    "hStackManager.actualNumSlices": 4,
    "hStackManager.numFramesPerVolume": 4,
    "hStackManager.numFramesPerVolumeWithFlyback": 4,
    "hStackManager.stackZStepSize": 5,
    "hRoiManager.imagingFovUm": [[-4, -4], [4, -4], [4, 4], [-4, 4]],
}
FLYBACK = FAST | {"hStackManager.numFramesPerVolumeWithFlyback": 6}


def frames(numbers: Sequence[int], channels: int = 1) -> np.ndarray:
    """Pages whose value is the number of their frame, and 100 times the channel."""
    return np.stack([np.full((8, 8), k + 100 * c, "int16") for k in numbers for c in range(channels)])


def lines(numbers: Sequence[int], key: str = "frameNumberAcquisition", channels: int = 1) -> list[str]:
    return [f"frameNumbers = {k}\n{key} = {k}" for k in numbers for _ in range(channels)]


class TestFramesByTheirNumbers:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "volumes_00002.tif"

    def times(self, image: ImageStack) -> list[list[int]]:
        data = image.data if "t" in image.axes else image.data[None]
        return data[..., 0, 0].reshape(len(data), -1).tolist()

    @pytest.mark.parametrize("channels", [1, 2])
    def test_a_file_that_begins_within_a_volume(self, file: Path, channels: int) -> None:
        numbers = range(7, 13)
        header = FAST | {"hChannels.channelSave": list(range(1, channels + 1)) if channels > 1 else 1}
        pages = frames(numbers, channels)
        write_scanimage(file, pages, header, numbers=lines(numbers, channels=channels))
        image = read_image(file)
        expected = [[9, 10, 11, 12]] if channels == 1 else [[9, 10, 11, 12, 109, 110, 111, 112]]
        assert self.times(image) == expected
        assert image.metadata["notes"] == ["The file begins within a volume, which is left out."]

    def test_a_file_that_begins_among_flyback_frames(self, file: Path) -> None:
        numbers = range(5, 17)  # volumes of frames 1 to 4, 7 to 10 and 13 to 16
        write_scanimage(file, frames(numbers), FLYBACK, numbers=lines(numbers))
        assert self.times(read_image(file)) == [[7, 8, 9, 10], [13, 14, 15, 16]]

    @pytest.mark.parametrize("lost", [1, 6, 7, 11])
    def test_a_volume_with_a_dropped_frame_is_left_out(self, file: Path, lost: int) -> None:
        numbers = [k for k in range(1, 13) if k != lost]
        write_scanimage(file, frames(numbers), FAST, numbers=lines(numbers))
        image = read_image(file)
        volumes = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
        assert self.times(image) == [volume for volume in volumes if lost not in volume]
        assert "left out" in image.metadata["notes"][0]

    def test_a_frame_of_which_a_channel_is_lost(self, file: Path) -> None:
        header = FAST | {"hChannels.channelSave": [1, 2]}
        pages, numbers = frames(range(1, 9), 2), lines(range(1, 9), channels=2)
        write_scanimage(file, np.delete(pages, 3, axis=0), header, numbers=[*numbers[:3], *numbers[4:]])
        assert self.times(read_image(file)) == [[5, 6, 7, 8, 105, 106, 107, 108]]

    def test_a_stack_with_a_hole_is_refused(self, file: Path) -> None:
        numbers = [1, 2, 4]
        write_scanimage(file, frames(numbers), FAST, numbers=lines(numbers))
        with pytest.raises(UserError, match=r"holds no whole volume: 3 pages.*--axes zyx"):
            read_image(file)
        np.testing.assert_array_equal(read_image(file, axes="zyx").data, frames(numbers))

    def test_each_acquisition_begins_a_volume(self, file: Path) -> None:
        # The first was stopped within its second volume.
        whole, inner = list(range(1, 15)), [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8]
        numbers = [
            f"frameNumbers = {a}\nacquisitionNumbers = {1 + (a > 6)}\nframeNumberAcquisition = {b}"
            for a, b in zip(whole, inner, strict=True)
        ]
        write_scanimage(file, frames(whole), FAST, numbers=numbers)
        assert self.times(read_image(file)) == [[1, 2, 3, 4], [7, 8, 9, 10], [11, 12, 13, 14]]

    def test_a_slow_stack_may_count_every_slice_as_an_acquisition(self, file: Path) -> None:
        header = FAST | {"hFastZ.enable": False, "hStackManager.framesPerSlice": 2}
        numbers = [f"frameNumbers = {k}\nframeNumberAcquisition = {1 + (k - 1) % 2}" for k in range(1, 9)]
        write_scanimage(file, frames(range(1, 9)), header, numbers=numbers)
        assert self.times(read_image(file)) == [[1, 3, 5, 7], [2, 4, 6, 8]]

    def test_frames_that_carry_no_numbers_are_counted_with_a_note(self, file: Path) -> None:
        write_scanimage(file, frames(range(1, 9)), FAST, numbers=["epoch = [2026 1 1]"] * 8)
        image = read_image(file)
        assert self.times(image) == [[1, 2, 3, 4], [5, 6, 7, 8]]
        assert "carry no numbers of their own" in image.metadata["notes"][-1]


class TestDepths:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "volumes.tif"

    def read(self, file: Path, **header: Any) -> ImageStack:
        more = {f"hStackManager.{key}": value for key, value in header.items()}
        write_scanimage(file, frames(range(1, 5)), FAST | more)
        return read_image(file)

    @pytest.mark.parametrize("zs", [[0, 2.5, 5, 7.5], [30, 27.5, 25, 22.5], [0, 2.51, 5.0, 7.49]])
    def test_they_count_rather_than_a_step_left_over(self, file: Path, zs: list[float]) -> None:
        image = self.read(file, zs=zs)
        assert image.scale is not None
        assert image.scale[0] == pytest.approx(2.5, rel=0.01)
        assert image.metadata["notes"] == []

    def test_without_them_the_step_counts(self, file: Path) -> None:
        assert self.read(file).scale == (5.0, 1.0, 1.0)

    def test_uneven_depths_give_no_scale(self, file: Path) -> None:
        image = self.read(file, zs=[0, 2, 10, 12])
        assert (image.scale, image.metadata["pixel_size"]) == (None, (1.0, 1.0))
        assert "uneven depths" in image.metadata["notes"][0]

    def test_depths_that_do_not_match_the_slices_give_no_scale(self, file: Path) -> None:
        image = self.read(file, zs=[0, 2, 4])
        assert image.scale is None
        assert "names 3 depths for 4 slices" in image.metadata["notes"][0]

    def test_slices_out_of_order_are_no_stack(self, file: Path) -> None:
        with pytest.raises(UserError, match="do not follow each other in depth"):
            self.read(file, zs=[0, 10, 5, 15])
