"""The dock "Compare with ground truth" in a real viewer."""

import csv
import gc
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.interpolation import histospline, nearest
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.stacks.placement import Placement
from napari_microdiffusion.stacks.stack import mixed

from .conftest import PATIENCE_MS, SHAPE, N, dock_in, set_field

pytestmark = pytest.mark.windowless

SPACING = {"scale": (2.0, 2.0, 2.0), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
MADE = {METADATA_KEY: {"role": "volume", "step_length": N, "beam": "uniform"}}


@pytest.fixture
def truth(projections, rng):
    volume = histospline(projections, N)
    return (volume + rng.normal(0, 2, volume.shape)).astype(np.float32)


@pytest.fixture
def dock(viewer, truth, projections, qtbot):
    """The dock with a truth and two reconstructions of it."""
    viewer.add_image(truth, name="truth", metadata={METADATA_KEY: {"role": "ground truth"}}, **SPACING)
    for method in (nearest, histospline):
        viewer.add_image(method(projections, N), name=method.__name__, metadata=MADE, **SPACING)
    widget = dock_in(viewer, qtbot, "Compare with ground truth")
    yield widget
    widget.runner.cancel()
    qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def wait(qtbot, dock):
    return lambda: qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def compared(dock, wait):
    dock.panel.button.click()
    wait()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    return dock


def names(dock):
    return [layer.name for layer in dock.viewer.layers]


def test_scores_table_plot_and_export(compared, truth, projections, tmp_path, wait):
    table = compared.scores.table
    assert compared.volumes.n == N
    assert [row.stack.name for row in compared.rows] == ["nearest", "histospline"]
    expected = compare(histospline(projections, N), truth, N)
    assert compared.rows[1].metrics["psnr"] == pytest.approx(expected["psnr"])
    assert float(table.item(1, 1).text()) == pytest.approx(expected["psnr"], abs=0.01)
    assert table.item(1, 1).font().bold()
    assert not table.item(0, 1).font().bold()

    plot, viewer = compared.scores.plot, compared.viewer
    assert [curve.name for curve in plot.curves] == ["nearest", "histospline"]
    for index in range(compared.scores.metrics.box.count()):
        compared.scores.metrics.box.setCurrentIndex(index)
        assert len(plot.curves[0].x) == SHAPE[0] * N
    # A click at the right end of the plot goes to the last slice.
    plot.resize(300, 190)
    area = plot._area()
    assert plot._nearest(QPointF(area.right(), area.center().y())) == SHAPE[0] * N - 1
    plot.picked.emit(3.0)
    assert viewer.dims.point[0] == 6.0
    assert plot._cursor == 3
    assert compared.looking.sections.point[0] == 3

    figure, sheet = tmp_path / "scores.png", tmp_path / "scores.csv"
    for path in (figure, sheet):
        compared.export_to(path)
        wait()
        assert str(path) in compared.messages.message.text()
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(list(csv.DictReader(sheet.read_text().splitlines()))) == 2 * (SHAPE[0] * N + 1)
    compared.export_to(tmp_path / "nowhere" / "scores.csv")
    wait()
    assert "no folder" in compared.messages.error.text()


def test_every_way_of_looking_gives_back_what_it_changed(compared, wait):
    viewer, modes = compared.viewer, compared.looking.modes
    layers = {layer.name: layer for layer in viewer.layers}
    truth, worse, better = layers["truth"], layers["nearest"], layers["histospline"]
    worse.visible = False
    before = [(layer.visible, layer.colormap.name, str(layer.blending)) for layer in viewer.layers]

    modes["side by side"].click()
    assert viewer.canvas.grid.enabled
    assert all(layer.visible for layer in (truth, worse, better))
    assert all(layer.name_overlay.visible for layer in (truth, worse, better))
    modes["overlay"].click()
    assert not viewer.canvas.grid.enabled
    assert (truth.colormap.name, worse.colormap.name) == ("green", "magenta")
    assert [layer.name for layer in viewer.layers if layer.visible] == ["truth", "nearest"]
    compared.scores.table.selectRow(1)
    assert better.colormap.name == "magenta"
    modes["checkerboard"].click()
    assert "truth | histospline" in names(compared)
    modes["curtain"].click()
    assert names(compared).count("truth | histospline") == 1
    assert [layer.name for layer in viewer.layers if layer.name_overlay.visible] == ["truth | histospline"]
    line = viewer.layers["curtain"]
    assert line.data[:, 0, 2].tolist() == [truth.data.shape[2] / 2 - 0.5] * len(truth.data)
    compared.looking.curtain.setValue(0)
    shown = compared.views.mixed
    assert set(line.data[:, 0, 2]) == {-0.5}
    np.testing.assert_array_equal(shown.data[2], better.data[2])
    compared.looking.curtain.setValue(1000)
    np.testing.assert_array_equal(shown.data[2], truth.data[2])
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    modes["curtain"].click()
    assert compared.views.mixed is None
    assert not any(layer.name_overlay.visible for layer in viewer.layers)
    assert [(layer.visible, layer.colormap.name, str(layer.blending)) for layer in viewer.layers] == before

    compared.looking.error.click()
    wait()
    error = viewer.layers["histospline error"]
    np.testing.assert_allclose(error.data, better.data - truth.data)
    assert error.contrast_limits[0] == -error.contrast_limits[1]
    assert tuple(error.scale) == tuple(truth.scale)
    assert error.colorbar.visible

    # A mixed layer that the person takes away ends the look.
    modes["checkerboard"].click()
    viewer.layers.remove(compared.views.mixed)
    assert compared.views.mode == ""
    assert not modes["checkerboard"].isChecked()


def test_the_cursor_and_clicks_move_the_sections(compared):
    class Event:
        position = (0.0, 20.0, 40.0)

    sections = compared.looking.sections
    sections._mouse_moved(compared.viewer, Event())
    assert sections.point[1:] == (10, 20)
    Event.position = (0.0, -50.0, 40.0)
    sections._mouse_moved(compared.viewer, Event())
    assert sections.point[1:] == (10, 20)
    sections.grab()  # paints every section
    sections.show_slice(7)
    assert sections.point[0] == 7


def test_layers_that_go_or_change_their_name(compared, wait):
    viewer = compared.viewer
    viewer.layers["nearest"].name = "repeated"
    assert compared.scores.table.item(0, 0).text() == "repeated"
    viewer.layers.reverse()
    assert len(compared.volumes.chosen) == 2
    compared.looking.modes["overlay"].click()
    viewer.layers.remove("repeated")
    assert [row.stack.name for row in compared.rows] == ["histospline"]
    assert compared.views.mode == ""
    compared.panel.button.click()
    viewer.layers.remove("truth")
    wait()
    assert "was removed" in compared.messages.message.text()
    assert compared.rows == []
    assert not compared.panel.button.isEnabled() or compared.volumes.truth.layer is not None


def test_what_cannot_be_compared_says_why(dock, wait):
    volumes = dock.volumes
    set_field(dock, "step_length", 7)
    assert "check the step length" in dock.panel.button.toolTip()
    assert not dock.panel.button.isEnabled()
    set_field(dock, "step_length", None)
    assert volumes.n is None
    dock.viewer.layers["nearest"].data = np.zeros((SHAPE[0] * N, 32, 32), np.float32)
    dock.start()
    wait()
    assert dock.rows[0].metrics.get("null_space_r2") is None
    for item in range(volumes.list.count()):
        volumes.list.item(item).setCheckState(Qt.CheckState.Unchecked)
    assert "Tick" in dock.panel.button.toolTip()
    for name in ("nearest", "histospline"):
        dock.viewer.layers.remove(name)
    assert "No other image layer" in dock.panel.button.toolTip()


@pytest.mark.parametrize("pattern", ["checkerboard", "curtain"])
def test_a_mixed_volume_shows_one_here_and_the_other_there(rng, pattern):
    first, second = rng.uniform(0, 1, (6, 16, 18)), rng.uniform(0, 1, (5, 16, 18)).astype(np.float32)
    whole = np.asarray(mixed(first, second, pattern))
    assert (whole.shape, whole.dtype) == ((5, 16, 18), np.float32)
    is_first = whole == first[:5].astype(np.float32)
    assert (is_first | (whole == second)).all()
    assert 0.4 < is_first.mean() < 0.6
    np.testing.assert_array_equal(mixed(first, second, "curtain", 0.0), second)


def test_clicks_on_a_plot_and_on_sections_are_told(qtbot, viewer):
    from napari_microdiffusion.plugin.widgets.cross_sections import CrossSections, Shown
    from napari_microdiffusion.plugin.widgets.line_plot import Curve, LinePlot, ticks

    plot = LinePlot("slice")
    qtbot.addWidget(plot)
    plot.resize(300, 150)
    plot.show_curves([Curve("a", range(5), [1, None, 3, 4, 5])], "PSNR")
    with qtbot.waitSignal(plot.picked) as signal:
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(292, 80))
    assert signal.args == [4.0]
    plot.grab()
    assert ticks(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(3, 3, 5) == []

    sections = CrossSections(viewer)
    qtbot.addWidget(sections)
    sections.resize(200, 100)
    viewer.add_image(np.zeros((10, 20, 20)))
    sections.show_volumes([Shown("v", np.zeros((10, 20, 20)))], (0, 1), Placement())
    with qtbot.waitSignal(sections.moved) as signal:
        qtbot.mouseClick(sections, Qt.MouseButton.LeftButton, pos=QPoint(50, sections.height() - 8))
    assert signal.args == [9]


@pytest.mark.window
def test_a_closed_dock_gives_everything_back_and_nothing_of_it_stays(viewer, truth, qtbot):
    viewer.add_image(truth, name="truth", metadata={METADATA_KEY: {"role": "ground truth"}})
    viewer.add_image(truth + 1, name="result", metadata=MADE)
    callbacks = len(viewer.mouse_move_callbacks)
    widget = dock_in(viewer, qtbot, "Compare with ground truth")
    with qtbot.waitSignal(widget.runner.ended, timeout=PATIENCE_MS):
        widget.panel.button.click()
    widget.looking.modes["curtain"].click()
    assert len(viewer.layers) == 4
    thread = weakref.ref(widget.runner.job.thread_at_work)
    parts = [weakref.ref(part) for part in (widget, widget.runner, widget.volumes, widget.scores.plot)]
    viewer.window.remove_dock_widget(widget)
    assert len(viewer.layers) == 2
    assert len(viewer.mouse_move_callbacks) == callbacks
    del widget
    for _ in range(3):
        QApplication.processEvents()
        gc.collect()
    assert [part() for part in parts] == [None] * len(parts)
    assert thread() is None
    viewer.add_image(np.zeros(SHAPE, np.float32))
    viewer.dims.set_point(0, 2.0)
