"""Files that must be refused with one sentence, and never read as something plausible."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image

DATA = np.arange(4 * 20 * 30, dtype="uint16").reshape(4, 20, 30)


def refusal(path: Path) -> str:
    """Return the message, after checking that it is one sentence which names the file."""
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.tif")


def test_a_file_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be read" in refusal(tmp_path / "file" / "below.tif")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    assert "empty file" in refusal(tmp_path / "empty.tif")


@pytest.mark.parametrize(
    "content", [b"not an image\n" * 9, b"\x89PNG\r\n\x1a\n", b"II", b"PK\3\4abc", b"\0" * 64]
)
def test_not_an_image_names_the_other_route(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.tif").write_bytes(content)
    message = refusal(tmp_path / "notes.tif")
    assert "not a TIFF image" in message
    assert "napari" in message


def test_header_without_pages(tmp_path: Path) -> None:
    (tmp_path / "none.tif").write_bytes(b"II*\0\0\0\0\0")
    assert "holds no image" in refusal(tmp_path / "none.tif")


def test_single_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "one.tif", DATA[0])
    assert "is a single 2D image; a stack of at least 2 projections is needed" in refusal(
        tmp_path / "one.tif"
    )


def test_pages_of_different_sizes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as writer:
        for width in (10, 20, 30):
            writer.write(DATA[0, :, :width], metadata=None)
    assert "its 3 images differ" in refusal(tmp_path / "mixed.tif")


@pytest.mark.parametrize("shape", [(20, 30, 3), (4, 20, 30, 3), (20, 30, 4)])
def test_rgb(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros(shape, "uint8"), photometric="rgb")
    assert "is an RGB image" in refusal(tmp_path / "rgb.tif")


def test_time_series_of_one_plane(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "time.tif", DATA, imagej=True, metadata={"axes": "TYX"})
    assert "time series of one plane (4 time points)" in refusal(tmp_path / "time.tif")


def test_time_series_of_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tc.tif", DATA.reshape(2, 2, 20, 30), imagej=True, metadata={"axes": "TCYX"})
    assert "time series of one plane (2 time points)" in refusal(tmp_path / "tc.tif")


def test_channels_of_one_plane(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", DATA, imagej=True, metadata={"axes": "CYX"})
    assert "4 channels of one plane" in refusal(tmp_path / "c.tif")


def test_two_axes_without_names(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "q.tif", DATA.reshape(2, 2, 20, 30), photometric="minisblack")
    assert "axes beside channel, time and depth: unnamed (2), unnamed (2)" in refusal(tmp_path / "q.tif")


def test_angles_are_no_depth(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DATA, photometric="minisblack", metadata={"axes": "AYX"})
    assert "angle (4)" in refusal(tmp_path / "a.tif")


def _plain(path: Path) -> None:
    tifffile.imwrite(path, DATA, metadata=None, photometric="minisblack")


def _shaped_big_endian(path: Path) -> None:
    tifffile.imwrite(path, DATA, byteorder=">", photometric="minisblack")


def _imagej(path: Path) -> None:
    tifffile.imwrite(path, DATA, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"})


def _ome(path: Path) -> None:
    tifffile.imwrite(path, DATA, ome=True, compression="zlib", metadata={"axes": "ZYX"})


def _lzw_pages(path: Path) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for plane in DATA:
            writer.write(plane, contiguous=False, metadata=None, compression="lzw", rowsperstrip=7)


WRITERS = [_plain, _shaped_big_endian, _imagej, _ome, _lzw_pages]


@pytest.mark.parametrize("write", WRITERS)
def test_truncated_anywhere_it_is_refused_or_whole(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """Never fewer planes, never zeros, never without its scale: only padding at the end may be lost."""
    write(tmp_path / "whole.tif")
    content = (tmp_path / "whole.tif").read_bytes()
    cut = tmp_path / "cut.tif"
    for length in sorted({*range(1, len(content), 211), *range(len(content) - 40, len(content))}):
        cut.write_bytes(content[:length])
        try:
            image = read_image(cut)
        except UserError as error:
            assert "cut.tif" in str(error)
        else:
            np.testing.assert_array_equal(image.data, DATA)
            assert length >= len(content) - 40


@pytest.mark.parametrize("write", WRITERS)
def test_half_a_file_says_that_it_is_cut_short(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "half.tif"
    write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut short" in refusal(path)


@pytest.mark.parametrize("write", WRITERS)
def test_damaged_bytes_never_escape_as_another_error(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "damaged.tif"
    write(path)
    content = path.read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(content)
        # Headers and directories lie at both ends.
        start = 0 if generator.random() < 0.7 else len(content) - 400
        for position in generator.integers(start + 4, start + 400, size=4):
            damaged[position] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            image = read_image(path)
        except UserError:
            continue
        assert image.data.nbytes < 10 * len(content) + DATA.nbytes
        assert len(image.axes) == image.data.ndim


def test_pages_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "circle.tif"
    _plain(path)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        first, second = file.pages[0].offset, file.pages[1].offset
    end_of_second = second + 2 + 12 * int.from_bytes(content[second : second + 2], "little")
    content[end_of_second : end_of_second + 4] = first.to_bytes(4, "little")
    path.write_bytes(content)
    assert "lead back to themselves" in refusal(path)


def test_a_header_that_promises_more_planes(tmp_path: Path) -> None:
    """As after a program has dropped pages and kept the description: tifffile would reshape silently."""
    path = tmp_path / "promise.tif"
    with tifffile.TiffWriter(path) as writer:
        for index in range(3):
            writer.write(
                DATA[index],
                contiguous=False,
                metadata=None,
                compression="lzw",
                description="ImageJ=1.54f\nimages=8\nslices=8\n" if index == 0 else None,
            )
    assert "promise" in refusal(path)


def test_a_part_of_an_ome_set_alone(tmp_path: Path) -> None:
    """tifffile fills planes of absent files with zeros."""
    path = tmp_path / "set.ome.tif"
    _ome(path)
    content = (
        tifffile.tiffcomment(path)
        .replace('SizeZ="4"', 'SizeZ="8"')
        .replace('PlaneCount="4"', 'PlaneCount="8"')
    )
    tifffile.tiffcomment(path, content)
    assert "lacks 4 of its 8 planes" in refusal(path)


def test_a_header_that_promises_too_much_is_refused_before_allocating(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(
        path, np.zeros((2, 8, 8), "u1"), metadata=None, compression="zlib", photometric="minisblack"
    )
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            page.tags[256].overwrite(60000)
            page.tags[257].overwrite(60000)
    assert "promises 7.2 GB of pixels" in refusal(path)
