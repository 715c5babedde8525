"""The dock "Reconstruct video": chosen, planned, streamed, stopped, its traces and its files."""

import csv
import json
import threading
import time
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QMainWindow, QMessageBox

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens.activity import ActiveTissue
from napari_microdiffusion.stacks.metadata import known_of
from napari_microdiffusion.stacks.placement import Placement

from .conftest import PATIENCE_MS, dock_in, set_field
from .test_narrow import NARROW, too_wide, unfold

pytestmark = pytest.mark.windowless

N, T, SHAPE = 4, 8, (12, 32, 36)
CENTRES = ((3, 10, 10), (8, 22, 12), (5, 16, 27))


def tissue():
    """Three cells, each active in its own time."""
    grid, regions = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]], np.zeros(SHAPE, np.int32)
    for number, centre in enumerate(CENTRES):
        regions[sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= 9] = number + 1
    activity = 1.5 + np.sin(np.outer(np.arange(T), (0.5, 1.1, 1.9)))
    return ActiveTissue(np.float32(100 + 1000 * (regions > 0)), regions, activity)


TISSUE = tissue()
FRAMES = np.stack([simulate_projections(TISSUE.frame(t), Acquisition(step_length=N)) for t in range(T)])


@pytest.fixture
def frames_layer(viewer):
    """The frames, as our reader opens them."""
    place = Placement((8.0, 2.0, 2.0), (3.0, 0.0, 0.0), ("um",) * 3)
    known = {"role": "projections", "step_length": N}
    return viewer.add_image(
        FRAMES, name="film", metadata={"microdiffusion": known}, **place.over_time(0.5, 10.0, "s")
    )


@pytest.fixture
def dock(viewer, qtbot):
    """The dock, with the quickest method."""
    widget = dock_in(viewer, qtbot, "Reconstruct video")
    set_field(widget, "method.prior", "off")
    yield widget
    if widget.runner.is_running:
        widget.runner.cancel()
    thread = widget.runner.job.thread_at_work
    if thread is not None:
        thread.join(PATIENCE_MS / 1000)


@pytest.fixture
def finish(qtbot):
    def wait(widget):
        qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=PATIENCE_MS)

    return wait


class Made(list):
    """Frames that were made."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()


@pytest.fixture
def slowly(monkeypatch):
    """Makes every event of a video take a moment; gives how many frames were made.

    The last one waits where `go_on` is cleared.
    """
    from napari_microdiffusion.video import reconstruction
    from napari_microdiffusion.video.events import FrameReady

    original, made = reconstruction.reconstruct_video, Made()

    def paused(*arguments, **options):
        for event in original(*arguments, **options):
            if isinstance(event, FrameReady):
                made.append(event.index)
                if len(made) == T:
                    made.go_on.wait(PATIENCE_MS / 1000)
            yield event
            time.sleep(0.05)

    monkeypatch.setattr(reconstruction, "reconstruct_video", paused)
    return made


def hover(viewer, position):
    """Move the mouse in the viewer, to a place in world coordinates."""
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(position=position))


def volumes_of(viewer):
    return [layer for layer in viewer.layers if known_of(layer).get("role") == "video"]


def test_the_plan_is_said_before(dock, frames_layer):
    text = dock.panel.estimate.text()
    assert text.startswith("8 volumes of 12 slices of 32 × 36, 1 MB on disk; about")
    assert dock.panel.button.isEnabled()
    assert dock.sections.frames.state == "8 frames, 2/s"


def test_without_a_time_axis_there_is_no_video(dock, viewer):
    viewer.add_image(FRAMES[0], name="stack")
    assert "“stack” has no time axis" in dock.sections.projections.chooser.refusals.text()
    assert "Choose projections with a time axis" in dock.panel.button.toolTip()
    viewer.layers.clear()
    viewer.add_image(FRAMES, name="channels", axis_labels=("c", "z", "y", "x"))
    assert "no frames one after the other" in dock.sections.projections.chooser.refusals.text()


def test_a_video_becomes_one_layer_in_time_and_depth(dock, frames_layer, viewer, finish):
    dock.start()
    finish(dock)
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    (volumes,) = volumes_of(viewer)
    assert volumes.name == "film volumes"
    assert volumes.data.shape == (T, *SHAPE)
    np.testing.assert_allclose(volumes.scale, (0.5, 2, 2, 2))
    np.testing.assert_allclose(volumes.translate, (10, 0, 0, 0))
    assert [str(unit) for unit in volumes.units] == ["second", "micrometer", "micrometer", "micrometer"]
    assert volumes.axis_labels == ("t", "z", "y", "x")
    # Every volume, projected again, is its frame.
    again = [simulate_projections(volume, Acquisition(step_length=N)) for volume in volumes.data]
    assert np.abs(np.array(again) - FRAMES).mean() < 0.01 * np.ptp(FRAMES)
    assert dock.messages.message.text().startswith("8 volumes in ")
    assert " a second. " in dock.messages.message.text()


def test_what_is_known_of_all_frames_is_beside_it(dock, frames_layer, viewer, finish):
    dock.start()
    finish(dock)
    structure, regions = viewer.layers["film structure"], viewer.layers["film regions"]
    assert structure.data.shape == regions.data.shape == SHAPE
    assert isinstance(regions, Labels)
    assert not structure.visible
    assert (
        Placement.of_layer(structure)
        == Placement.of_layer(regions)
        == Placement.of_layer(volumes_of(viewer)[0])
    )


def test_regions_that_are_chosen_are_those_of_the_traces(dock, frames_layer, viewer, finish):
    viewer.add_labels(TISSUE.regions[:-1], name="too thin")
    viewer.add_labels(TISSUE.regions, name="drawn", scale=(2, 2, 2))
    offered = [layer.name for layer in dock.sections.frames.regions.layers]
    assert offered == ["drawn"]
    dock.sections.frames.regions.select(viewer.layers["drawn"])
    dock.start()
    finish(dock)
    assert "film regions" not in viewer.layers
    traces = dock.last.resolved.finished.traces
    assert traces.light.shape == (T, 3)
    found = [np.corrcoef(traces.light[:, k], TISSUE.activity[:, k])[0, 1] for k in range(3)]
    assert min(found) > 0.95


def test_traces_follow_the_viewer_and_the_viewer_follows_them(dock, frames_layer, viewer, finish):
    viewer.add_labels(TISSUE.regions, name="drawn", scale=(2, 2, 2))
    dock.sections.frames.regions.select(viewer.layers["drawn"])
    dock.start()
    finish(dock)
    section = dock.traces
    assert section.state == "3 regions"
    assert section.plot.x_title == "time, s"
    # Under the cursor: positions in the world, voxels are of 2 um.
    for number, (z, y, x) in enumerate(CENTRES):
        hover(viewer, (10, 2 * z, 2 * y, 2 * x))
        assert section.region.value == number + 1
        np.testing.assert_allclose(
            section.plot.curves[0].y, dock.last.resolved.finished.traces.relative_change[:, number]
        )
    hover(viewer, (10, 0, 0, 0))
    hover(viewer, (10, 900, -20, 0))
    assert section.region.value == 3
    assert len(section.plot.curves[0].deviation) == T
    set_field(dock, "quantity", "light")
    np.testing.assert_allclose(section.plot.curves[0].y, dock.last.resolved.finished.traces.light[:, 2])
    # The time on the slider is marked, and a click goes to a time.
    viewer.dims.set_point(0, 12.0)
    assert section.plot._cursor == pytest.approx(2.0)
    section.plot.picked.emit(0.5)
    assert viewer.dims.point[0] == pytest.approx(10.5)
    # Another region by its number goes to its slice.
    section.region.value = 2
    assert viewer.dims.point[1] == pytest.approx(2 * CENTRES[1][0])


def test_it_can_be_stopped_and_keeps_what_is_done(dock, frames_layer, viewer, qtbot, finish, slowly):
    dock.start()
    qtbot.waitUntil(lambda: len(slowly) > 2, timeout=PATIENCE_MS)
    dock.panel.stop.click()
    finish(dock)
    (volumes,) = volumes_of(viewer)
    done = len(slowly)
    assert done < T
    assert volumes.name == "film volumes (stopped)"
    assert len(volumes.data) == len(dock.last.resolved.finished.traces.light) == done
    assert volumes.data[done - 1].any()
    assert dock.messages.message.text().startswith(f"Stopped: {done} volumes")


def test_traces_grow_with_the_frames(dock, frames_layer, qtbot, finish, slowly, monkeypatch):
    monkeypatch.setattr("napari_microdiffusion.tasks.video.resolving._BETWEEN_TRACES", 0.0)
    section = dock.traces
    slowly.go_on.clear()
    dock.start()
    qtbot.waitUntil(lambda: section.has_traces and len(section.plot.curves[0].y) > 2, timeout=PATIENCE_MS)
    assert dock.runner.is_running
    assert len(section.plot.curves[0].y) < T
    slowly.go_on.set()
    section.region.value = 1
    finish(dock)
    # The region that was chosen meanwhile stays.
    assert section.region.value == 1
    assert len(section.plot.curves[0].y) == T


def test_stopped_before_there_is_anything_it_says_so(dock, frames_layer, viewer, qtbot, finish, slowly):
    dock.start()
    qtbot.waitUntil(lambda: "Mean" in dock.runner._step.text, timeout=PATIENCE_MS)
    dock.panel.stop.click()
    finish(dock)
    assert dock.messages.message.text() == "Stopped before the first volume; nothing is kept."
    assert list(viewer.layers) == [frames_layer]


def test_cancelled_it_leaves_nothing(dock, frames_layer, viewer, qtbot, finish, slowly, monkeypatch):
    monkeypatch.setattr("napari_microdiffusion.tasks.video.resolving._BETWEEN_TRACES", 0.0)
    dock.start()
    qtbot.waitUntil(lambda: bool(volumes_of(viewer)) and dock.traces.has_traces, timeout=PATIENCE_MS)
    dock.panel.cancel.click()
    finish(dock)
    assert list(viewer.layers) == [frames_layer]
    assert dock.last is None
    assert not dock.traces.has_traces


def test_it_ends_with_its_layers(dock, frames_layer, viewer, qtbot, finish, slowly):
    dock.start()
    qtbot.waitUntil(lambda: bool(volumes_of(viewer)), timeout=PATIENCE_MS)
    viewer.layers.remove(volumes_of(viewer)[0])
    finish(dock)
    assert "was removed, so this was cancelled" in dock.messages.message.text()
    assert list(viewer.layers) == [frames_layer]


def test_the_slider_is_the_persons_while_frames_arrive(dock, frames_layer, viewer, qtbot, finish, slowly):
    dock.start()
    qtbot.waitUntil(lambda: bool(volumes_of(viewer)) and viewer.dims.point[0] > 10, timeout=PATIENCE_MS)
    viewer.dims.set_point(0, 10.0)
    finish(dock)
    assert viewer.dims.point[0] == pytest.approx(10.0)
    assert not dock.panel.follow.isChecked()


def test_left_alone_the_viewer_follows_the_frames(dock, frames_layer, viewer, qtbot, finish, slowly):
    dock.start()
    qtbot.waitUntil(lambda: bool(volumes_of(viewer)) and viewer.dims.point[0] > 10, timeout=PATIENCE_MS)
    finish(dock)
    assert dock.panel.follow.isChecked()


def test_volumes_regions_and_settings_are_saved(dock, frames_layer, finish, tmp_path):
    dock.start()
    finish(dock)
    dock.save_volumes(tmp_path / "film")
    finish(dock)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film regions.ome.tif",
        "film.ome.zarr",
        "film.provenance.json",
    ]
    saved = read_image(tmp_path / "film.ome.zarr")
    assert saved.axes == "tzyx"
    assert saved.scale == (2, 2, 2)
    np.testing.assert_array_equal(saved.data, dock.last.layers.volumes.data)
    np.testing.assert_array_equal(read_image(tmp_path / "film regions.ome.tif").data, dock.last.regions)
    record = json.loads((tmp_path / "film.provenance.json").read_text())
    assert record["video"]["frames"] == T
    assert record["settings"]["guide"] == dock.document.value("method.guide")
    assert "Saved:" in dock.messages.message.text()


def test_traces_are_saved_as_a_table_and_as_nwb(dock, frames_layer, finish, tmp_path):
    pytest.importorskip("pynwb")
    dock.start()
    finish(dock)
    for name in ("film.csv", "film.nwb", "film"):
        dock.save_traces(tmp_path / name)
        finish(dock)
        assert dock.messages.error.isHidden(), dock.messages.error.text()
    with (tmp_path / "film.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == dock.last.resolved.finished.traces.light.size
    assert {"time_s", "dF_F", "F_sd"} <= set(rows[0])
    assert (tmp_path / "film.nwb").stat().st_size > 0


def test_a_file_stays_on_disk_and_is_not_overwritten(dock, viewer, finish, tmp_path, monkeypatch):
    path = tmp_path / "film.ome.tif"
    write_image(path, FRAMES, axes="tzyx", scale=(8, 2, 2), step_length=N)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    dock.sections.projections.open_file.click()
    finish(dock)
    layer = dock.document.projections.layer
    assert isinstance(layer.data, da.Array)
    assert known_of(layer)["path"] == str(path)
    dock.start()
    finish(dock)
    before = path.read_bytes()
    dock.save_volumes(path)
    assert not dock.runner.is_running
    assert "film.ome.tif" in dock.messages.error.text()
    assert path.read_bytes() == before


def test_a_file_that_names_no_axes_is_asked_about(dock, finish, tmp_path, monkeypatch):
    import tifffile

    tifffile.imwrite(tmp_path / "plain.tif", FRAMES, photometric="minisblack", metadata=None, shaped=False)
    tifffile.imwrite(tmp_path / "axes.tif", FRAMES, photometric="minisblack")
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("time, depth (z)", True))
    dock.open_file(str(tmp_path / "axes.tif"))
    finish(dock)
    finish(dock)
    assert dock.document.frames == T
    assert isinstance(dock.document.projections.layer.data, da.Array)


def test_what_cannot_be_is_said_in_a_sentence(dock, frames_layer, viewer, finish, tmp_path):
    set_field(dock, "folder", tmp_path / "nowhere")
    dock.start()
    finish(dock)
    assert "cannot hold the volumes" in dock.messages.error.text()
    assert list(viewer.layers) == [frames_layer]


def test_result_and_regions_are_no_projections(dock, frames_layer, viewer, finish):
    dock.start()
    finish(dock)
    assert [layer.name for layer in dock.sections.projections.chooser.layers] == ["film"]
    other = dock.sections.reference.chooser
    assert not {layer.name for layer in other.layers} & {"film structure", "film volumes"}


@pytest.mark.window
def test_a_whole_session_on_a_screen(viewer, qtbot, tmp_path, monkeypatch):
    import napari_microdiffusion.stacks.sample_data as samples

    noted = []
    note = lambda notice: notice.severity > NotificationSeverity.INFO and noted.append(notice.message)  # noqa: E731
    notification_manager.notification_ready.connect(note)
    monkeypatch.setattr(samples, "VIDEO_SHAPE", (14, 18, 56, 56))
    dock = dock_in(viewer, qtbot, "Reconstruct video")

    def finish():
        qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)

    dock.empty.linkActivated.emit("sample")
    finish()
    assert dock.document.reference.layer.name == "active neurons, scanned before"
    assert dock.document.value("method.guide") == "reference"
    assert dock.document.video.value("rate") == pytest.approx(10)
    set_field(dock, "method.prior", "off")
    dock.panel.button.click()
    qtbot.waitUntil(lambda: bool(volumes_of(viewer)), timeout=PATIENCE_MS)
    viewer.dims.set_point(0, 0.3)
    QApplication.processEvents()
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    assert "The reference is shifted by" in dock.messages.message.text()
    assert not viewer.layers["active neurons reference"].visible
    viewer.dims.ndisplay = 3
    QApplication.processEvents()
    viewer.dims.ndisplay = 2
    for frame in (2, 12):
        viewer.dims.set_current_step(0, frame)
        QApplication.processEvents()
        assert dock.traces.plot._cursor == pytest.approx(frame / 10)
    dock.save_volumes(tmp_path / "film.ome.zarr")
    finish()
    dock.save_traces(tmp_path / "film.csv")
    finish()
    assert len(list(tmp_path.iterdir())) == 4
    # A second run takes the regions of the first, painted on.
    regions = viewer.layers["active neurons regions"]
    regions.data[regions.data == 2] = 0
    dock.sections.frames.regions.select(regions)
    set_field(dock, "reference", "None")
    dock.panel.button.click()
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    assert len(volumes_of(viewer)) == 2
    notification_manager.notification_ready.disconnect(note)
    assert noted == []


def test_tissue_without_a_region_has_volumes_and_no_traces(dock, frames_layer, viewer, finish, monkeypatch):
    monkeypatch.setattr(
        "napari_microdiffusion.video.reconstruction.find_regions", lambda volume: np.zeros(volume.shape, int)
    )
    dock.start()
    finish(dock)
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    assert len(volumes_of(viewer)[0].data) == T
    assert not dock.traces.has_traces
    assert "0 regions" in dock.messages.message.text()


def test_what_was_done_before_a_failure_stays(dock, frames_layer, viewer, finish, monkeypatch):
    from napari_microdiffusion.video.frame_store import FrameStore

    original = FrameStore.write

    def write(self, index, volume):
        time.sleep(0.05)
        if index == 4:
            raise UserError("frame 4 could not be written: No space left on device")
        original(self, index, volume)

    monkeypatch.setattr(FrameStore, "write", write)
    dock.start()
    finish(dock)
    assert dock.messages.error.text() == "Frame 4 could not be written: No space left on device."
    (volumes,) = volumes_of(viewer)
    assert volumes.name == "film volumes (incomplete)"
    assert len(volumes.data) == 4
    assert dock.last is None


def test_volumes_that_no_file_holds_are_asked_about(dock, frames_layer, finish, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        QMessageBox,
        "question",
        lambda _dock, _title, text: asked.append(text) or QMessageBox.StandardButton.No,
    )

    class Closing(QCloseEvent):
        def spontaneous(self):
            return True

    window = QMainWindow()
    assert not dock.eventFilter(window, Closing())
    dock.start()
    finish(dock)
    assert dock.eventFilter(window, Closing())
    assert "Not saved: film volumes" in asked[0]
    dock.save_volumes(tmp_path / "film.ome.zarr")
    finish(dock)
    assert not dock.eventFilter(window, Closing())
    assert len(asked) == 1


def test_nothing_is_wider_than_a_narrow_dock_with_traces(dock, frames_layer, qtbot, finish):
    unfold(dock)
    dock.resize(NARROW, 900)
    with qtbot.waitExposed(dock):
        dock.show()
    dock.start()
    finish(dock)
    qtbot.wait(50)
    assert dock.traces.has_traces
    assert too_wide(dock) == []
