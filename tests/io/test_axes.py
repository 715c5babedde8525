"""Which axes a person is asked about, and which files are refused outright."""

import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io.axes import UnnamedAxes, stack_axes


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
