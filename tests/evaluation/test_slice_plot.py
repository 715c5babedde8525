"""Curves over slices, drawn without a screen."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from napari_microdiffusion.evaluation.slice_plot import Curve, plot_slices


@pytest.fixture
def axes():
    return Figure().subplots()


def test_every_curve_has_its_values_and_undefined_ones_are_gaps(axes):
    plot_slices(axes, [Curve("a", [1.0, None, 3.0], "red"), Curve("b", [2.0] * 3, "blue")], "PSNR (dB)")
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_ydata(), [1, np.nan, 3])
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert second.get_color() == "blue"
    assert axes.get_ylabel() == "PSNR (dB)"
    assert axes.get_xlim() == (-0.5, 2.5)


@pytest.mark.parametrize(("slices", "borders"), [(12, [3.5, 7.5]), (4 * 61, [])])
def test_borders_of_slabs_are_drawn_unless_there_are_too_many(axes, slices, borders):
    plot_slices(axes, [Curve("a", np.arange(slices), "red")], "SSIM", 4)
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == borders


def test_without_curves_there_are_empty_axes(axes):
    plot_slices(axes, [], "Dice", 4)
    assert not axes.lines
