"""Which axes a person is asked about, and which files are refused outright."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io import read_image
from napari_microdiffusion.io.axes import UnnamedAxes, stack_axes

from .golden import ramp


@pytest.mark.parametrize("axes", ["QQYX", "IQYX", "QQQYX"])
def test_unnamed_axes_are_asked_about(axes: str) -> None:
    shape = (2, 3, 4, 8, 9)[-len(axes) :]
    with pytest.raises(UnnamedAxes) as caught:
        stack_axes(axes, shape, False, "file.tif")
    assert caught.value.sizes == shape


@pytest.mark.parametrize("axes", ["QQQQYX", "ATYX", "QTYX", "QYQX", "TYX", "CYX"])
def test_others_are_refused(axes: str) -> None:
    with pytest.raises(UserError) as caught:
        stack_axes(axes, (2, 3, 4, 5, 8, 9)[-len(axes) :], False, "file.tif")
    assert not isinstance(caught.value, UnnamedAxes)


def test_one_unnamed_axis_is_the_depth() -> None:
    assert stack_axes("QYX", (5, 8, 9), False, "file.tif") == ("zyx", True)


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
