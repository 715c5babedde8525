"""What is opened is taken for what it is: projections, their truth, or neither."""

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import write_image
from napari_microdiffusion.reconstruction.events import SliceReady
from napari_microdiffusion.stacks.metadata import METADATA_KEY

from .conftest import PATIENCE_MS, N, dock_in, set_field

pytestmark = pytest.mark.windowless


def drop(dock, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, keys = QPointF(5, 5), Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, keys))


@pytest.fixture
def files(tmp_path, projections):
    """Projections and their truth, neither of which says what it is."""
    paths = tmp_path / "slabs.tif", tmp_path / "scan.tif"
    write_image(paths[0], projections)
    write_image(paths[1], histospline(projections, N))
    return paths


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_files_dropped_together_are_projections_and_truth(dock, files, finish, order):
    drop(dock, *(files[index] for index in order))
    finish(dock)
    assert dock.document.projections.name == "slabs"
    assert dock.document.truth.name == "scan"
    assert dock.document.acquisition.step_length == N
    assert "“scan” is taken for the ground truth of “slabs”" in dock.outcome.message.text()


def test_a_truth_dropped_on_chosen_projections_stays_a_truth(opened, files, finish):
    drop(opened, files[1])
    finish(opened)
    assert opened.document.projections.name == "bar"
    assert opened.document.truth.name == "scan"


def test_other_projections_dropped_are_chosen(opened, files, finish):
    drop(opened, files[0])
    finish(opened)
    assert opened.document.projections.name == "slabs"
    assert opened.document.truth is None


def test_a_new_dock_takes_the_selected_layer_then_known_projections(viewer, qtbot, projections):
    plain = viewer.add_image(projections, name="plain")
    known = {METADATA_KEY: {"role": "projections", "step_length": N}}
    viewer.add_image(projections, name="known", metadata=known)
    viewer.add_image(projections[0], name="a plane")
    first = dock_in(viewer, qtbot, "Reconstruct volume")
    assert first.document.projections.name == "known"
    viewer.layers.selection.active = plain
    second = dock_in(viewer, qtbot, "Reconstruct volume")
    assert second.document.projections.name == "plain"


def test_known_projections_take_the_place_of_what_nobody_picked(dock, projections, rng):
    dock.viewer.add_image(histospline(projections, N), name="scan")
    assert dock.document.projections.name == "scan"
    known = {METADATA_KEY: {"role": "projections", "step_length": N}}
    dock.viewer.add_image(projections, name="slabs", metadata=known)
    assert dock.document.projections.name == "slabs"
    set_field(dock, "projections", "scan")
    dock.viewer.add_image(projections + 1, name="further slabs", metadata=known)
    assert dock.document.projections.name == "scan"


def test_a_file_dropped_in_a_run_is_told(opened, files, finish, monkeypatch, qtbot):
    from napari_microdiffusion.reconstruction import engine

    original, hold = engine.reconstruct, [True]

    def paused(*arguments, **options):
        for event in original(*arguments, **options):
            yield event
            while hold and isinstance(event, SliceReady):
                options["cancel"].check()

    monkeypatch.setattr(engine, "reconstruct", paused)
    opened.runs.start()
    drop(opened, files[0])
    assert "“slabs.tif” was not opened: open it again when this is done" in opened.outcome.message.text()
    hold.clear()
    finish(opened)
    assert "slabs" not in opened.viewer.layers


def test_an_error_goes_with_its_cause(dock, projections, tmp_path, finish):
    bad = projections.copy()
    bad[0, 0, 0] = np.nan
    dock.viewer.add_image(bad, name="bad")
    set_field(dock, "method.guide", "histospline")
    set_field(dock, "method.prior", "off")
    dock.runs.start()
    finish(dock)
    assert not dock.outcome.error.isHidden()
    dock.viewer.add_image(projections, name="good")
    set_field(dock, "projections", "good")
    assert dock.outcome.error.isHidden()


def test_missing_values_are_told_before_the_run(dock, projections, qtbot):
    bad = projections.copy()
    bad[0, :4] = np.nan
    dock.viewer.add_image(bad, name="bad")
    flaws = dock.sections.projections.flaws
    qtbot.waitUntil(lambda: "NaN or infinite pixels" in flaws.text(), timeout=PATIENCE_MS)
    assert "Tick “Mask missing pixels”" in flaws.text()
    set_field(dock, "method.mask_missing", True)
    qtbot.waitUntil(lambda: not dock.flaws.job.is_running, timeout=PATIENCE_MS)
    assert flaws.isHidden()
    set_field(dock, "method.mask_missing", False)
    qtbot.waitUntil(lambda: not flaws.isHidden(), timeout=PATIENCE_MS)
    dock.viewer.layers.remove("bad")
    assert flaws.isHidden()
