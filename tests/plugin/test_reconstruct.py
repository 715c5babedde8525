"""The dock in a real viewer with the real engine, from a file to a finished volume."""

import gc
import json
import sys
import time
import weakref

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.inr.fitting import fit_inr
from napari_microdiffusion.inr.settings import InrSettings
from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import provenance_path, read_image
from napari_microdiffusion.reconstruction.events import SliceReady
from napari_microdiffusion.reconstruction.outputs import Outputs
from napari_microdiffusion.stacks.metadata import METADATA_KEY

from .conftest import PATIENCE_MS, SHAPE, N, dock_in, set_field

pytestmark = pytest.mark.windowless

VOLUME = (SHAPE[0] * N, *SHAPE[1:])


def names(dock):
    return [layer.name for layer in dock.viewer.layers]


@pytest.fixture
def half_way(opened, slow, qtbot):
    """A run of which some slices have arrived."""
    opened.runs.start()
    qtbot.waitUntil(lambda: sum(isinstance(event, SliceReady) for event in slow) > 6, timeout=PATIENCE_MS)
    return opened


def test_an_empty_dock_says_what_to_do(dock):
    assert not dock.empty.isHidden()
    assert not dock.panel.button.isEnabled()
    assert "Choose projections first" in dock.panel.button.toolTip()


@pytest.mark.window
def test_from_file_to_finished_volume(opened, projections, finish):
    assert opened.empty.isHidden()
    assert opened.document.acquisition.step_length == N
    assert opened.document.step_length_source() == "from file"
    opened.panel.button.click()
    assert not opened.panel.button.isVisible()
    finish(opened)
    assert names(opened) == ["bar", "bar volume"]
    volume = opened.viewer.layers["bar volume"]
    assert volume.data.shape == VOLUME
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.data, histospline(projections, N), atol=1e-3)
    means = volume.data.reshape(SHAPE[0], N, *SHAPE[1:]).mean(1)
    np.testing.assert_allclose(means, projections, atol=1e-4 * np.ptp(projections))
    assert "Done in" in opened.outcome.message.text()
    assert "reproduces your images exactly" in opened.outcome.message.text()
    assert not opened.outcome.uncertainty.isEnabled()
    assert "Nothing was drawn" in opened.outcome.uncertainty.toolTip()


@pytest.mark.window
def test_diffusion_and_samples_make_a_volume_and_its_uncertainty(opened, projections, finish):
    section = opened.sections.diffusion
    set_field(opened, "method.prior", "general")
    set_field(opened, "method.samples", 1)
    set_field(opened, "method.steps", 4)
    assert section.state == "general prior, 1 uncertainty draw"
    opened.runs.start()
    finish(opened)
    assert opened.outcome.error.isHidden(), opened.outcome.error.text()
    assert names(opened) == ["bar", "bar volume", "bar uncertainty"]
    _, volume, uncertainty = opened.viewer.layers
    means = volume.data.reshape(SHAPE[0], N, *SHAPE[1:]).mean(1)
    np.testing.assert_allclose(means, projections, atol=1e-4 * np.ptp(projections))
    assert uncertainty.data.shape == VOLUME
    assert uncertainty.data.max() > 0
    assert not uncertainty.visible
    assert uncertainty.colormap.name == "inferno"
    assert tuple(uncertainty.scale) == tuple(volume.scale)
    assert opened.viewer.layers.selection.active == volume
    assert "typically ±" in opened.outcome.message.text()
    opened.outcome.uncertainty.click()
    assert uncertainty.visible
    assert not volume.visible


def test_result_lies_where_the_projections_lie(opened, finish):
    opened.runs.start()
    finish(opened)
    projections, volume = opened.viewer.layers
    assert tuple(volume.scale) == (2.0, 2.0, 2.0)
    assert tuple(volume.translate) == (0.0, 0.0, 0.0)
    assert volume.units == projections.units
    assert volume.axis_labels == ("z", "y", "x")
    assert volume.metadata[METADATA_KEY]["role"] == "volume"


def test_a_second_run_overwrites_nothing(opened, finish):
    for _ in range(2):
        opened.runs.start()
        finish(opened)
    assert names(opened) == ["bar", "bar volume", "bar volume [1]"]


def test_results_are_not_offered_as_projections(opened, finish):
    opened.runs.start()
    finish(opened)
    box = opened.sections.projections.chooser.box.native
    assert [box.itemText(index) for index in range(box.count())] == ["bar"]


def test_cancelling_half_way_leaves_nothing_behind(half_way, finish):
    assert "bar volume (preview)" in names(half_way)
    half_way.panel.cancel.click()
    finish(half_way)
    assert names(half_way) == ["bar"]
    assert "Cancelled" in half_way.outcome.message.text()
    assert half_way.panel.button.isEnabled()


def test_stopping_keeps_what_there_is(opened, finish, qtbot, monkeypatch):
    from napari_microdiffusion.reconstruction import engine

    original, estimated = engine.reconstruct, []

    def paused(*arguments, **options):
        for event in original(*arguments, **options):
            yield event
            if isinstance(event, SliceReady) and event.stage != "preview":
                estimated.append(event)
                time.sleep(0.1)

    monkeypatch.setattr(engine, "reconstruct", paused)
    opened.runs.start()
    qtbot.waitUntil(lambda: bool(estimated), timeout=PATIENCE_MS)
    opened.panel.stop.click()
    finish(opened)
    assert names(opened) == ["bar", "bar volume (stopped)"]
    assert "Stopped after" in opened.outcome.message.text()
    assert opened.runs.last.result.stopped


@pytest.mark.parametrize("name", ["bar", "bar volume (preview)"])
def test_removing_a_layer_of_the_run_cancels_it(half_way, finish, name):
    half_way.viewer.layers.remove(name)
    finish(half_way)
    assert "was removed" in half_way.outcome.message.text()
    assert not any("volume" in other for other in names(half_way))


def test_removing_another_layer_disturbs_nothing(half_way, finish):
    other = half_way.viewer.add_image(np.zeros((4, 5)), name="other")
    half_way.viewer.layers.remove(other)
    finish(half_way)
    assert "bar volume" in names(half_way)


@pytest.mark.window
def test_the_viewer_follows_the_slices_until_the_person_moves_it(half_way, qtbot, finish):
    assert half_way.panel.follow.isChecked()
    viewer = half_way.viewer
    here = viewer.dims.point[0]
    qtbot.waitUntil(lambda: viewer.dims.point[0] != here, timeout=PATIENCE_MS)
    viewer.dims.set_point(0, 0.0)
    qtbot.waitUntil(lambda: not half_way.panel.follow.isChecked(), timeout=PATIENCE_MS)
    finish(half_way)
    assert viewer.dims.point[0] == 0.0


def test_nothing_else_starts_while_one_runs(half_way, finish):
    count = len(half_way.viewer.layers)
    half_way.runs.start()
    half_way.runs.fit_inr()
    assert len(half_way.viewer.layers) == count
    assert not half_way.sections.guide.fit.isEnabled()
    assert "Wait" in half_way.sections.guide.fit.toolTip()
    half_way.runs.cancel()
    finish(half_way)


def test_a_bad_file_is_one_sentence_in_the_dock(dock, tmp_path, finish):
    path = tmp_path / "bad.tif"
    path.write_bytes(b"no image")
    dock.runs.open_file(str(path))
    finish(dock)
    assert not dock.outcome.error.isHidden()
    assert dock.outcome.error.text().startswith("bad.tif is not a TIFF image")
    assert "Traceback" not in dock.outcome.error.text()
    assert len(dock.viewer.layers) == 0


def test_projections_that_cannot_be_are_refused_in_one_sentence(dock, finish):
    dock.viewer.add_image(np.full(SHAPE, 7, np.float32), name="flat")
    set_field(dock, "method.prior", "off")
    dock.runs.start()
    finish(dock)
    assert "same value" in dock.outcome.error.text()
    assert names(dock) == ["flat"]


def test_a_missing_prior_keeps_nothing_and_says_so(opened, tmp_path, finish):
    opened.sections.diffusion.use_prior(str(tmp_path / "none.safetensors"))
    opened.runs.start()
    finish(opened)
    assert "none.safetensors" in opened.outcome.error.text()
    assert opened.panel.button.isEnabled()


def test_a_defect_is_shown_and_ends_the_run(opened, finish, monkeypatch):
    from napari.utils.notifications import notification_manager

    from napari_microdiffusion.reconstruction import engine

    def broken(*_arguments, **_options):
        raise RuntimeError("out of luck")
        yield

    monkeypatch.setattr(engine, "reconstruct", broken)
    seen = []
    monkeypatch.setattr(notification_manager, "receive_error", lambda *error: seen.append(error[1]))
    opened.runs.start()
    finish(opened)
    assert "out of luck" in opened.outcome.error.text()
    assert [str(error) for error in seen] == ["out of luck"]
    assert names(opened) == ["bar"]


def test_a_scale_that_another_reader_lost_is_read_again(dock, projections_file, finish):
    (layer,) = dock.viewer.open(projections_file, plugin="napari")
    assert str(layer.units[0]) == "pixel"
    section = dock.sections.projections
    assert not section.calibrate.isHidden()
    section.calibrate.click()
    finish(dock)
    assert tuple(layer.scale) == (8.0, 2.0, 2.0)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert section.calibrate.isHidden()
    assert dock.document.acquisition.step_length == N
    assert dock.document.step_length_source() == "from file"


def test_a_step_length_that_is_only_assumed_says_so(dock, projections):
    dock.viewer.add_image(projections, name="plain", scale=(5, 1, 1), units=("um",) * 3)
    assert dock.document.acquisition.step_length == 5
    assert dock.document.step_length_source() == "assumed: isotropic voxels"
    set_field(dock, "acquisition.step_length", 7)
    assert dock.document.step_length_source() == "set by hand"


def test_time_points_are_chosen(dock, projections, finish):
    series = np.stack([projections, projections[:, ::-1]])
    dock.viewer.add_image(series, name="series", axis_labels=("t", "z", "y", "x"))
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "nearest")
    set_field(dock, "acquisition.step_length", N)
    (box,) = (axis.box.native for axis in dock.sections.projections.chooser.axes)
    box.setCurrentIndex(1)
    dock.runs.start()
    finish(dock)
    volume = dock.viewer.layers["series 1 volume"]
    np.testing.assert_allclose(volume.data[0], series[1, 0], atol=1e-3)


def test_ground_truth_shares_its_contrast_and_is_measured_against(opened, projections, finish):
    truth = opened.viewer.add_image(histospline(projections, N) * 1.1, name="truth")
    truth.contrast_limits = (0, 7700)  # its extremes, which would leave the volume nearly black
    set_field(opened, "ground truth", "truth")
    # Its file gave no scale: it is put where the volume will lie.
    assert tuple(truth.scale) == (2.0, 2.0, 2.0)
    opened.runs.start()
    finish(opened)
    volume = opened.viewer.layers["bar volume"]
    assert tuple(truth.contrast_limits) == tuple(volume.contrast_limits)
    assert volume.contrast_limits[1] == pytest.approx(np.percentile(volume.data, 99.9))
    assert "PSNR" in opened.outcome.message.text()


def test_step_length_beyond_the_prior_switches_diffusion_off(opened):
    set_field(opened, "method.prior", "general")
    set_field(opened, "acquisition.step_length", 20)
    assert opened.document.method_of_run().diffusion == "off"
    assert "off" in opened.sections.diffusion.state
    set_field(opened, "acquisition.step_length", 6)
    assert opened.document.method_of_run().diffusion == "slab"


def test_nothing_to_reconstruct_is_said_on_the_button(opened):
    set_field(opened, "method.guide", "none")
    assert not opened.panel.button.isEnabled()
    assert "nothing to reconstruct" in opened.panel.button.toolTip()


@pytest.mark.window
def test_3d_shows_the_volume_alone_and_gives_back_the_view(opened, finish):
    opened.runs.start()
    finish(opened)
    projections, volume = opened.viewer.layers
    opened.outcome.three_d.click()
    assert opened.viewer.dims.ndisplay == 3
    assert volume.rendering == "attenuated_mip"
    assert not projections.visible
    assert opened.viewer.canvas.overlays.scale_bar.visible
    opened.outcome.three_d.click()
    assert opened.viewer.dims.ndisplay == 2
    assert projections.visible


@pytest.mark.window
def test_ground_truth_is_put_beside_the_volume(opened, projections, finish):
    truth = opened.viewer.add_image(histospline(projections, N), name="truth", visible=False)
    set_field(opened, "ground truth", "truth")
    opened.runs.start()
    finish(opened)
    opened.outcome.side_by_side.click()
    assert opened.viewer.canvas.grid.enabled
    assert {layer.name for layer in opened.viewer.layers if layer.visible} == {"truth", "bar volume"}
    opened.outcome.side_by_side.click()
    assert not opened.viewer.canvas.grid.enabled
    assert not truth.visible


def test_saving_writes_the_volume_and_what_repeats_it(opened, finish, tmp_path):
    opened.runs.start()
    finish(opened)
    path = tmp_path / "out" / "bar volume.ome.tif"
    path.parent.mkdir()
    opened.runs.save_to(path)
    finish(opened)
    saved = read_image(path)
    assert saved.scale == (2.0, 2.0, 2.0)
    np.testing.assert_array_equal(saved.data, opened.viewer.layers["bar volume"].data)
    record = json.loads(provenance_path(path).read_text())
    assert record["settings"]["guide"] == "histospline"
    assert record["acquisition"]["step_length"] == N


def test_saving_where_nothing_can_be_written_is_one_sentence(opened, finish, tmp_path):
    opened.runs.start()
    finish(opened)
    opened.runs.save_to(tmp_path / "nowhere" / "out.ome.tif")
    assert "no folder" in opened.outcome.error.text()


def test_a_fitted_inr_becomes_a_layer_and_is_used(opened, finish, tmp_path):
    opened.runs.fit_inr()
    finish(opened)
    assert opened.outcome.error.isHidden(), opened.outcome.error.text()
    assert names(opened) == ["bar", "bar INR"]
    guide = opened.sections.guide
    # One curve, which says what it shows and whether the fit has converged.
    assert len(guide.plot.curves) == 1
    assert guide.plot.y_title.endswith(("levelled off", "still changing"))
    assert opened.document.value("method.guide") == "inr"
    assert guide.state == "INR, fitted"
    assert opened.document.usable_inr.fitted is not None
    assert opened.document.method_of_run().inr_file is None
    saved = tmp_path / "inr.safetensors"
    opened.runs.save_inr(saved)
    assert opened.document.method_of_run().inr_file == saved
    set_field(opened, "acquisition.step_length", N + 1)
    assert opened.document.method_of_run().inr_file is None
    set_field(opened, "acquisition.step_length", N)
    opened.runs.load_inr(saved)
    opened.runs.start()
    finish(opened)
    assert opened.outcome.error.isHidden(), opened.outcome.error.text()
    assert opened.viewer.layers["bar volume"].data.shape == VOLUME


def test_an_inr_of_other_projections_is_refused_with_what_does_not_fit_and_what_to_do(
    opened, finish, tmp_path, projections
):
    *_, last = fit_inr(projections[:3, :20, :24], np.full(N, 1 / N), InrSettings(epochs=1))
    path = tmp_path / "other.safetensors"
    last.fitted.save(path)
    opened.runs.load_inr(path)
    opened.runs.start()
    finish(opened)
    said = opened.outcome.error.text()
    assert "other.safetensors was fitted to projections of 3×20×24 at step length 4" in said
    assert "these are 5×32×32 at step length 4" in said
    assert "Use it with those, or have an INR fitted to these." in said
    assert "Traceback" not in said
    assert names(opened) == ["bar"]
    # The remedy: another fit, and it runs.
    opened.runs.fit_inr()
    finish(opened)
    opened.runs.start()
    finish(opened)
    assert opened.outcome.error.isHidden(), opened.outcome.error.text()
    assert "bar volume" in names(opened)


def test_a_file_that_is_no_inr_is_refused(opened, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04 a pickle")
    opened.runs.load_inr(path)
    assert "model.safetensors" in opened.outcome.error.text()
    assert opened.document.inr is None


def test_a_dropped_file_is_opened(dock, projections_file, qtbot, finish):
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(projections_file))])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    dock.dropEvent(drop)
    finish(dock)
    assert names(dock) == ["bar"]


@pytest.mark.window
def test_a_run_outlasts_its_dock_which_is_then_freed(viewer, projections, slow, qtbot):
    viewer.add_image(projections, name="bar")
    widget = dock_in(viewer, qtbot, "Reconstruct volume")
    set_field(widget, "method.prior", "off")
    widget.runs.start()
    qtbot.waitUntil(lambda: len(slow) > 3, timeout=PATIENCE_MS)
    reference = weakref.ref(widget)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not reference().runs.is_running, timeout=PATIENCE_MS)
    assert [layer.name for layer in viewer.layers] == ["bar", "bar volume"]
    np.testing.assert_array_equal(viewer.layers["bar volume"].data, slow[-1].result.volume)
    del widget
    for _ in range(3):
        QApplication.processEvents()
        gc.collect()
    assert reference() is None
    # Nothing of the dock listens any more.
    viewer.add_image(np.zeros(SHAPE, np.float32))


def test_outputs_lie_side_by_side(tmp_path):
    outputs = Outputs.beside(tmp_path / "vessel volume.ome.tif", with_uncertainty=True)
    assert outputs.uncertainty == tmp_path / "vessel uncertainty.ome.tif"
    assert Outputs.beside(tmp_path / "vessel", with_uncertainty=False).volume.name == "vessel.ome.tif"


def test_a_run_asks_no_network(opened, finish):
    asked = []
    watched = {"on": True}

    def watch(event: str, arguments: tuple) -> None:
        remote = event == "socket.connect" and isinstance(arguments[1], tuple)
        if watched["on"] and (remote or event in ("socket.getaddrinfo", "socket.sendto", "urllib.Request")):
            asked.append((event, arguments))

    # A hook stays for as long as Python runs, so it is only told to look away.
    sys.addaudithook(watch)
    set_field(opened, "method.prior", "general")
    opened.document.ask({"method.samples": 1, "method.steps": 2})
    opened.panel.button.click()
    finish(opened)
    watched["on"] = False
    assert "bar volume" in opened.viewer.layers
    assert asked == []
