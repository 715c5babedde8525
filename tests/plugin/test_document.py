"""The document of a dock: what was asked, what a file says, what is assumed; every digit of it."""

import json

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.plugin.document import RunDocument
from napari_microdiffusion.settings.asked import STEP_LENGTH
from napari_microdiffusion.settings.recorded import Recorded
from napari_microdiffusion.studies import step_length_sweep

from .conftest import PATIENCE_MS, dock_in, set_field

pytestmark = pytest.mark.windowless

EXACT = {
    "acquisition": {"step_length": 4, "width": 3.456, "photon_gain": 0.004, "bend": 1 / 3},
    "method": {"seed": 2**62, "memory_gb": 0.1234567, "diffusion": "off"},
}


def test_settings_that_are_used_again_are_the_same_to_the_last_bit(opened, finish, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"version": 2, **EXACT}))
    opened.runs.open_path(str(path))
    assert "in use" in opened.outcome.message.text()
    opened.runs.start()
    finish(opened)
    assert opened.outcome.error.isHidden(), opened.outcome.error.text()
    record = opened.runs.last.result.provenance
    for name, value in EXACT["acquisition"].items():
        assert record["acquisition"][name] == value
    for name, value in EXACT["method"].items():
        assert record["settings"][name] == value


def test_observers_hear_of_a_change_once():
    document, heard = RunDocument(), []
    document.events.revision.connect(heard.append)
    document.ask({"method.seed": 3, "method.samples": 2}, projections=object())
    document.record(Recorded(suggested=3), projections=None)
    assert len(heard) == 2


def test_the_sweep_has_all_of_the_beam(viewer, qtbot, monkeypatch):
    viewer.add_image(np.random.default_rng(0).random((24, 16, 16), dtype=np.float32), name="scan")
    dock = dock_in(viewer, qtbot, "Simulate projections")
    asked = []

    def sweep(_volume, acquisitions, *_more, **_options):
        asked.extend(acquisitions)
        yield from ()

    monkeypatch.setattr(step_length_sweep, "sweep", sweep)
    set_field(dock, "acquisition.beam", "airy")
    for name, value in {"width": 9.5, "bend": 0.25, "tilt": 0.5}.items():
        set_field(dock, f"acquisition.{name}", value)
    set_field(dock, "acquisition.views", "stacked")
    dock.tabs.setCurrentWidget(dock.sweep_tab)
    set_field(dock, "step_lengths", "2 4")
    dock.panel.button.click()
    qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)
    assert [acquisition.step_length for acquisition in asked] == [2, 4]
    for acquisition in asked:
        assert (acquisition.beam, acquisition.width, acquisition.views) == ("airy", 9.5, 2)
        assert (acquisition.bend, acquisition.tilt) == (0.25, 0.5)


def test_a_scale_set_by_hand_outlives_a_file_that_gives_none(dock, projections, tmp_path, finish):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, projections, photometric="minisblack")
    (layer,) = dock.viewer.open(path, plugin="napari")
    layer.scale = (5.0, 2.0, 2.0)
    layer.metadata["mine"] = 1
    dock.sections.projections.calibrate.click()
    finish(dock)
    assert "by hand" in dock.outcome.error.text()
    assert tuple(layer.scale) == (5.0, 2.0, 2.0)


def test_a_time_point_or_another_name_leaves_the_step_length_that_was_typed(dock, projections):
    series = np.stack([projections, projections])
    layer = dock.viewer.add_image(series, name="series", axis_labels=("t", "z", "y", "x"))
    set_field(dock, STEP_LENGTH, 3)
    (box,) = (axis.box.native for axis in dock.sections.projections.chooser.axes)
    box.setCurrentIndex(1)
    layer.name = "other"
    assert dock.document.acquisition.step_length == 3
    assert dock.document.projections.chosen == (1,)
