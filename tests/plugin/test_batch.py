"""The dock Batch: many stacks, one after the other."""

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_microdiffusion.batch import Piece
from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.plugin.reconstruct.view import ReconstructWidget
from napari_microdiffusion.reconstruction.events import CancelToken, StageStarted
from napari_microdiffusion.settings.asked import AskedSettings
from napari_microdiffusion.tasks.several import batch as batch_task

from .conftest import PATIENCE_MS, N, dock_in, set_field

pytestmark = pytest.mark.windowless


@pytest.fixture
def files(tmp_path, projections):
    """A stack, one of two time points, and a file that is none."""
    one, two, bad = tmp_path / "one.tif", tmp_path / "two.ome.tif", tmp_path / "bad.tif"
    write_image(one, projections, scale=(8.0, 2.0, 2.0), step_length=N)
    write_image(two, np.stack([projections, 2 * projections]), axes="tzyx", step_length=N)
    bad.write_bytes(b"no image")
    return one, two, bad


@pytest.fixture
def settings_file(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("method:\n  guide: histospline\n  diffusion: 'off'\n")
    return path


@pytest.fixture
def batch(viewer, qtbot):
    widget = dock_in(viewer, qtbot, "Batch")
    yield widget
    if widget.runner.is_running:
        widget.runner.cancel()
        qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def wait(qtbot):
    def until_idle(batch):
        jobs = (batch.runner, batch.planning, batch.opening)
        qtbot.waitUntil(lambda: not any(job.is_running for job in jobs), timeout=PATIENCE_MS)

    return until_idle


def states(batch):
    table = batch.pieces.table
    return [table.item(row, 1).text().split(",")[0] for row in range(table.rowCount())]


def names(batch):
    table = batch.pieces.table
    return [table.item(row, 0).text() for row in range(table.rowCount())]


def test_dropped_files_are_listed_and_reconstructed_and_one_failure_stops_no_other(
    batch, files, settings_file, projections, wait, tmp_path
):
    assert not batch.panel.button.isEnabled()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in files])
    place, keys = QPointF(5, 5), Qt.KeyboardModifier.NoModifier
    batch.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, keys))
    wait(batch)
    assert names(batch) == ["one.tif", "two.ome.tif, time point 0", "two.ome.tif, time point 1", "bad.tif"]
    assert states(batch)[:3] == ["waiting"] * 3
    batch.output.use_file(settings_file)
    batch.panel.button.click()
    wait(batch)
    assert batch.messages.error.isHidden(), batch.messages.error.text()
    assert [row.state for row in batch.rows] == ["done", "done", "done", "failed"]
    assert batch.messages.message.text() == "3 done, 1 failed."
    times = [batch.pieces.table.item(row, 2).text() for row in range(4)]
    assert all(time.endswith(" s") for time in times[:3])
    assert times[3] == ""
    image = read_image(tmp_path / "volumes" / "two_t0001_volume.ome.tif")
    np.testing.assert_allclose(image.data, histospline(2 * projections, N), atol=1e-2)
    # Its one sentence, without options of the command line.
    batch.pieces.table.selectRow(3)
    assert "bad.tif" in batch.pieces.about.text()
    assert "--" not in batch.pieces.about.text()


def test_any_finished_piece_opens_with_its_settings(batch, files, settings_file, wait):
    batch.add_files(str(files[0]))
    wait(batch)
    batch.output.use_file(settings_file)
    batch.start()
    wait(batch)
    batch.pieces.table.selectRow(0)
    assert batch.pieces.open_result.isEnabled()
    batch.pieces.open_result.click()
    wait(batch)
    (layer,) = batch.viewer.layers
    assert layer.data.shape == (5 * N, 32, 32)
    batch.pieces.table.cellActivated.emit(0, 0)
    wait(batch)
    assert len(batch.viewer.layers) == 2


def test_what_is_finished_in_the_folder_is_not_done_again(batch, files, settings_file, wait, qtbot, viewer):
    batch.add_files(*map(str, files[:2]))
    wait(batch)
    batch.output.use_file(settings_file)
    batch.start()
    wait(batch)
    again = dock_in(viewer, qtbot, "Batch")
    again.add_files(*map(str, files[:2]))
    wait(again)
    assert [str(row) for row in again.rows] == ["done, before"] * 3
    assert not again.panel.button.isEnabled()
    again.output.use_folder(files[0].parent / "elsewhere")
    assert [row.state for row in again.rows] == ["waiting"] * 3
    assert again.panel.button.isEnabled()


def test_stopping_leaves_the_piece_and_start_goes_on(batch, files, settings_file, wait, qtbot, monkeypatch):
    real = batch_task.piece_events

    def endless(piece: Piece, work, cancel):
        if piece.input.time == 0:
            yield StageStarted("guide", "Starting estimate")
            while True:
                cancel.check()
        yield from real(piece, work, cancel)

    monkeypatch.setattr(batch_task, "piece_events", endless)
    batch.add_files(*map(str, files[:2]))
    wait(batch)
    batch.output.use_file(settings_file)
    batch.start()
    qtbot.waitUntil(lambda: states(batch)[1] == "Starting estimate", timeout=PATIENCE_MS)
    assert not batch.pieces.add.isEnabled()
    assert batch.pieces.table.item(2, 2).text().startswith("about ")
    assert "left" in batch.pieces.table.item(1, 2).text()
    batch.panel.stop.click()
    wait(batch)
    assert [row.state for row in batch.rows] == ["done", "waiting", "waiting"]
    monkeypatch.setattr(batch_task, "piece_events", real)
    batch.start()
    wait(batch)
    assert [row.state for row in batch.rows] == ["done"] * 3


def test_a_folder_holds_what_it_holds_and_pieces_can_be_taken_off_the_list(batch, files, wait):
    batch.add_files(str(files[0].parent))
    wait(batch)
    assert len(batch.rows) == 4
    batch.pieces.table.selectRow(0)
    batch.pieces.remove.click()
    assert len(batch.rows) == 3


@pytest.mark.window
def test_it_stays_in_front_of_the_dock_whose_settings_it_takes(batch, files, wait, viewer, qtbot):
    batch.add_files(str(files[2]), str(files[0]))
    wait(batch)
    viewer.window._qt_window.show()
    qtbot.waitUntil(lambda: batch.has_place)
    with qtbot.waitSignal(batch.runner.began):
        batch.start()
    (other,) = viewer.window._qt_window.findChildren(ReconstructWidget)
    qtbot.waitUntil(lambda: other.has_place)
    qtbot.wait(50)
    assert not batch.panel.visibleRegion().isEmpty()
    batch.runner.cancel()
    wait(batch)


@pytest.mark.window
def test_the_settings_are_those_of_the_other_dock(batch, files, wait, viewer):
    dock = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")[1]
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    batch.add_files(str(files[0]))
    wait(batch)
    batch.start()
    wait(batch)
    assert [row.state for row in batch.rows] == ["done"], batch.rows
    assert (files[0].parent / "volumes" / "one_volume.ome.tif").exists()


def test_the_step_length_of_the_dock_counts_where_a_file_records_none(tmp_path, projections):
    path = tmp_path / "plain.tif"
    write_image(path, projections)
    asked = AskedSettings().asking({"method.guide": "histospline", "method.diffusion": "off"})
    work = batch_task.work_as_asked(asked.asking({"acquisition.step_length": 3}))
    (planned,) = batch_task.PlanBatch([path], tmp_path / "out")(None)
    events = list(batch_task.RunBatch(planned.rows, work, tmp_path / "out")(CancelToken()))
    (report,) = [event.report for event in events if getattr(event, "report", None)]
    assert report.error == ""
    assert read_image(report.files["volume"]).data.shape == (15, 32, 32)
