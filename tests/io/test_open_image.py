"""A stack chosen from an open file: the same pixels as from the whole, and the rest is not read."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import depth_stack, open_image, read_image, write_image
from napari_microdiffusion.io.formats import tiff_images

from .formats.test_scanimage import SLOW, STACK
from .golden import interleaved, ramp, write_bruker, write_lsm, write_ngff, write_scanimage

DATA = ramp((3, 2, 5, 7, 9))
SCALE = (1, 1, 2, 0.5, 0.5)


def big_endian_imagej(path: Path) -> None:
    tifffile.imwrite(path, DATA.swapaxes(1, 2), imagej=True, metadata={"axes": "TZCYX"}, byteorder=">")


def compressed_ome(path: Path) -> None:
    options = {"ome": True, "photometric": "minisblack", "compression": "zlib"}
    tifffile.imwrite(path, DATA.swapaxes(0, 1), metadata={"axes": "CTZYX"}, **options)


def scanimage(path: Path) -> None:
    write_scanimage(path, interleaved(STACK), SLOW)


def lsm(path: Path) -> None:
    write_lsm(path, ramp((4, 3, 7, 9)), (1.5, 0.25, 0.25))


def own(path: Path) -> None:
    write_image(path, DATA, axes="tczyx", scale=(6, 1, 1))


def zarr(path: Path) -> None:
    write_ngff(path, DATA.transpose(2, 0, 1, 3, 4), "ztcyx", (2, 1, 1, 0.5, 0.5), "0.5")


def samples_of_a_pixel(path: Path) -> None:
    tifffile.imwrite(path, ramp((5, 7, 9, 2)), photometric="minisblack", planarconfig="contig")


BY_PLANES = {
    "a.tif": big_endian_imagej,
    "b.ome.tif": compressed_ome,
    "c.tif": scanimage,
    "e.ome.tif": own,
}
# A page holds several channels, or a chunk several planes.
OTHERS = {"d.lsm": lsm, "f.ome.zarr": zarr, "g.tif": samples_of_a_pixel}


@pytest.mark.parametrize("name", [*BY_PLANES, *OTHERS])
def test_what_is_chosen_is_what_the_whole_file_has_there(tmp_path, name, monkeypatch):
    path = tmp_path / name
    (BY_PLANES | OTHERS)[name](path)
    whole = read_image(path)
    if name in BY_PLANES:
        monkeypatch.setattr(tiff_images, "load", lambda *_: pytest.fail("the whole file is read"))
    times, channels = whole.sizes.get("t", 1), whole.sizes.get("c", 1)
    assert times * channels > 1
    for time in range(times):
        for channel in range(channels):
            with open_image(path) as image:
                chosen = depth_stack(image, channel, time)
            expected = depth_stack(whole, channel, time)
            np.testing.assert_array_equal(chosen.data, expected.data)
            assert isinstance(chosen.data, np.ndarray)
            assert (chosen.data.dtype, chosen.name) == (expected.data.dtype, expected.name)
            assert chosen.data.dtype.isnative
    if times > 1 and channels > 1:
        with pytest.raises(UserError, match="time points; choose one"), open_image(path) as image:
            depth_stack(image, 0)


@pytest.mark.parametrize("name", ["b.ome.tif", "c.tif", "f.ome.zarr"])
def test_frames_are_averaged_of_the_channel_alone(tmp_path, name):
    path = tmp_path / name
    (BY_PLANES | OTHERS)[name](path)
    with open_image(path) as image:
        mean = depth_stack(image, 1, average_frames=True)
    np.testing.assert_array_equal(mean.data, depth_stack(read_image(path), 1, average_frames=True).data)


def test_an_open_image_is_indexed_as_an_array(tmp_path):
    own(tmp_path / "e.ome.tif")
    with open_image(tmp_path / "e.ome.tif") as image:
        pixels = image.data
        assert (pixels.shape, pixels.ndim, len(pixels)) == (DATA.shape, 5, 3)
        np.testing.assert_array_equal(pixels[-1], DATA[-1])
        np.testing.assert_array_equal(pixels[1, :, 2, 3:5], DATA[1, :, 2, 3:5])
        np.testing.assert_array_equal(pixels[0, 1, 2, 3, 4], DATA[0, 1, 2, 3, 4])
        np.testing.assert_array_equal(pixels[:, 0], DATA[:, 0])
        np.testing.assert_array_equal(pixels[::2, :, 1:5:3, ::-1], DATA[::2, :, 1:5:3, ::-1])
        np.testing.assert_array_equal(pixels[1:1, :, -2:], DATA[1:1, :, -2:])
        np.testing.assert_array_equal(np.asarray(pixels), DATA)
        with pytest.raises(IndexError):
            pixels[3]


def test_a_set_of_files_is_read_where_its_planes_lie(tmp_path):
    data = ramp((2, 4, 7, 9))
    (path, *_) = write_bruker(tmp_path, data)
    with open_image(path) as image:
        np.testing.assert_array_equal(depth_stack(image, "Ch2").data, data[1])
