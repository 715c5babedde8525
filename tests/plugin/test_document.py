"""The document of a dock: what was asked, what a file says, what is assumed; every digit of it."""

import json

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.plugin.document import PAPER_SYSTEMS, STEP_LENGTH, RunDocument
from napari_microdiffusion.settings.files import read_run
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


@pytest.mark.parametrize("system", PAPER_SYSTEMS)
def test_choosing_a_system_of_the_paper_and_going_back_changes_nothing(system):
    document = RunDocument()
    document.ask({"method.guide": "cubic", "method.samples": 3, "acquisition.width": 7.25})
    before = document.resolved.document
    document.choose_system(system)
    assert (document.method.guide, document.method.diffusion) == PAPER_SYSTEMS[system]
    assert document.method.consistency == "none"
    document.ask({"method.consistency": "exact"})
    assert document.method.consistency == "exact"
    document.choose_system("")
    assert document.resolved.document == before


def test_what_is_as_it_would_be_anyway_is_not_noted():
    document = RunDocument()
    document.record(Recorded.of_beam(5, {"beam": "airy", "bend": 0.25}))
    assert (document.acquisition.bend, document.origin("acquisition.bend")) == (0.25, "file")
    document.ask({"acquisition.bend": 0.5})
    assert (document.acquisition.bend, document.origin("acquisition.bend")) == (0.5, "asked")
    document.ask({"acquisition.bend": 0.25})
    assert (document.asked, document.origin("acquisition.bend")) == ({}, "file")


def test_a_file_goes_before_what_was_asked_for_while_another_was_chosen():
    document = RunDocument()
    document.ask({STEP_LENGTH: 9, "acquisition.beam": "bessel", "method.seed": 7})
    document.record(Recorded(suggested=3))
    assert (document.acquisition.step_length, document.origin(STEP_LENGTH)) == (3, "assumed")
    assert (document.acquisition.beam, document.method.seed) == ("bessel", 7)
    document.record(Recorded.of_beam(4, {"beam": "gaussian"}))
    assert (document.acquisition.step_length, document.acquisition.beam) == (4, "gaussian")


def test_settings_that_cannot_be_together_are_told_and_shown_as_they_were_typed():
    document = RunDocument()
    document.ask({"acquisition.side_lobes": 2})
    assert "bend" in document.problem
    assert document.value("acquisition.side_lobes") == 2
    document.ask({"acquisition.side_lobes": 0})
    assert (document.problem, document.asked) == ("", {})


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
    (box,) = dock.sections.projections.chooser.axis_boxes
    box.setCurrentIndex(1)
    layer.name = "other"
    assert dock.document.acquisition.step_length == 3
    assert dock.document.projections.chosen == (1,)


def test_a_file_of_settings_written_by_the_first_version_still_opens(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(
        '{"acquisition": {"step_length": 5, "photon_gain": 0.0, "read_noise": 0.0}, "settings": {"seed": 3}}'
    )
    document = RunDocument()
    document.use(read_run(path))
    assert (document.acquisition.step_length, document.method.seed) == (5, 3)
    assert document.acquisition.photon_gain is None
