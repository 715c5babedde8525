"""Samples of any number of bits, packed as cameras write them."""

import struct
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import depth_stack, open_image, read_image

from ..golden import ramp


def write_packed(path: Path, planes: np.ndarray, bits: int, order: str = "<", strips: int = 1) -> None:
    """Uncompressed TIFF: samples of `bits` bits one behind the other, each row from a new byte on."""
    output = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    count, height, width = planes.shape
    for index, plane in enumerate(planes):
        rows = []
        for row in plane:
            text = "".join(f"{int(value):0{bits}b}" for value in row)
            text += "0" * (-len(text) % 8)
            rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
        pixels = b"".join(rows)
        tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, None), (277, 1)]
        tags += [(278, height), (279, len(pixels))]
        start = len(output) + 2 + 12 * len(tags) + 4
        output += struct.pack(order + "H", len(tags))
        for code, value in tags:
            output += struct.pack(order + "HHII", code, 4, 1, start if value is None else value)
        output += struct.pack(order + "I", start + len(pixels) if index < count - 1 else 0) + pixels
    path.write_bytes(output)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 11, 12, 14, 20, 31])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("width", [16, 13])
def test_packed_samples_are_read(tmp_path: Path, bits: int, order: str, width: int) -> None:
    planes = ramp((4, 5, width), "int64") * 977 % 2**bits
    write_packed(tmp_path / "stack.tif", planes, bits, order)
    image = read_image(tmp_path / "stack.tif")
    np.testing.assert_array_equal(image.data, planes)
    with open_image(tmp_path / "stack.tif") as opened:
        np.testing.assert_array_equal(opened.data[2], planes[2])
        assert opened.data.dtype == image.data.dtype
    assert depth_stack(image).data.dtype.kind == ("b" if bits == 1 else "u")


@pytest.mark.parametrize("order", ["<", ">"])
def test_samples_of_three_bytes_are_refused_by_a_true_sentence(tmp_path: Path, order: str) -> None:
    write_packed(tmp_path / "stack.tif", ramp((4, 5, 16)), 24, order)
    with pytest.raises(UserError, match=r"has 24 bits a pixel, .*export it with 8, 16 or 32 bits"):
        read_image(tmp_path / "stack.tif")


def test_a_packed_stack_that_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    write_packed(path, ramp((4, 8, 16)), 12)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cut short"):
        read_image(path)
