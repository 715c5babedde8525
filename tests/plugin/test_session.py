"""A whole session through every dock: nothing warns, and nothing of the docks is left once they close."""

import gc
import logging
import threading
import weakref

import numpy as np
import pytest
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtWidgets import QApplication

from napari_microdiffusion.io import write_image
from napari_microdiffusion.plugin.widgets.prior_chooser import AdaptedPriors
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import METADATA_KEY

from .conftest import PATIENCE_MS, set_field

DOCKS = (
    "Simulate projections",
    "Reconstruct volume",
    "Compare with ground truth",
    "Adapt prior",
    "Reconstruct video",
    "Batch",
)


@pytest.fixture
def said(caplog):
    """What the log and napari's notices say beyond the plain."""
    noted = []

    def note(notice):
        if notice.severity > NotificationSeverity.INFO:
            noted.append(notice.message)

    notification_manager.notification_ready.connect(note)
    caplog.set_level(logging.WARNING)
    yield lambda: noted + [record.getMessage() for record in caplog.records]
    notification_manager.notification_ready.disconnect(note)


def listeners(viewer):
    """How many listen to what the docks listen to."""
    layers, dims = viewer.layers.events, viewer.dims.events
    emitters = (
        layers.inserted,
        layers.removed,
        layers.renamed,
        layers.units,
        dims.point,
        viewer.events.theme,
    )
    return [len(emitter.callbacks) for emitter in emitters] + [len(viewer.mouse_move_callbacks)]


def our_threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "microdiffusion run"]


def session(viewer, truth_layer, tmp_path, qtbot):
    """Do something in every dock, and give weak references to them; no frame with the docks remains."""
    docks = {name: viewer.window.add_plugin_dock_widget("napari-microdiffusion", name)[1] for name in DOCKS}
    simulate, reconstruct, compare, adapt, video, batch = docks.values()

    def wait(runner):
        qtbot.waitUntil(lambda: not runner.is_running, timeout=PATIENCE_MS)

    simulate.volume.chooser.select(truth_layer)
    set_field(simulate, "acquisition.step_length", 4)
    simulate.panel.button.click()
    wait(simulate.runner)

    sections = reconstruct.sections
    sections.projections.select(viewer.layers["truth projections n4"])
    set_field(reconstruct, "method.samples", 1)
    set_field(reconstruct, "method.steps", 2)
    reconstruct.panel.button.click()
    wait(reconstruct.runs)
    assert reconstruct.outcome.error.isHidden(), reconstruct.outcome.error.text()
    for name in ("uncertainty", "side_by_side", "three_d"):
        for _ in "on", "off":
            getattr(reconstruct.outcome, name).click()
            QApplication.processEvents()
    reconstruct.runs.save_to(tmp_path / "volume.ome.tif")
    wait(reconstruct.runs)
    assert len(list(tmp_path.iterdir())) == 3

    compare.choose(truth_layer, [reconstruct.runs.last.layers.volume])
    compare.start()
    wait(compare.runner)
    for mode in ("side by side", "overlay", "checkerboard", "curtain"):
        compare.looking.modes[mode].click()
        QApplication.processEvents()
    compare.looking.error.click()
    wait(compare.runner)

    adapt.adapt_to(tmp_path / "mine.safetensors")
    wait(adapt.runner)
    assert adapt.messages.error.isHidden(), adapt.messages.error.text()
    assert (tmp_path / "mine.safetensors").is_file()

    frames = np.stack([viewer.layers["truth projections n4"].data * light for light in (1, 1.5, 1)])
    viewer.add_image(frames, name="film", units=("s", *("um",) * 3), axis_labels=("t", "z", "y", "x"))
    video.sections.projections.select(viewer.layers["film"])
    set_field(video, "acquisition.step_length", 4)
    set_field(video, "method.prior", "off")
    video.panel.button.click()
    wait(video.runner)
    assert video.messages.error.isHidden(), video.messages.error.text()
    assert video.traces.has_traces
    slabs = tmp_path / "slabs.tif"
    write_image(slabs, viewer.layers["truth projections n4"].data, step_length=4)
    batch.add_files(str(slabs))
    qtbot.waitUntil(lambda: len(batch.rows) == 1, timeout=PATIENCE_MS)
    batch.start()
    wait(batch.runner)
    assert [row.state for row in batch.rows] == ["done"]
    viewer.theme = "light"
    return [weakref.ref(dock) for dock in docks.values()]


def test_a_session_through_every_dock(viewer, qtbot, quick_training, said, tmp_path, monkeypatch):
    monkeypatch.setattr(AdaptedPriors, "_only", None)
    truth = make_specimen("vasculature", (24, 32, 32), 3) * np.float32(1000)
    layer = viewer.add_image(
        truth,
        name="truth",
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
        metadata={METADATA_KEY: {"role": "ground truth"}},
    )
    before = listeners(viewer)
    parts = session(viewer, layer, tmp_path, qtbot)
    assert our_threads() == []
    for part in parts:
        viewer.window.remove_dock_widget(part())
    for _ in range(5):
        QApplication.processEvents()
        gc.collect()
    assert [part() for part in parts] == [None] * len(DOCKS)
    assert listeners(viewer) == before
    assert said() == []
