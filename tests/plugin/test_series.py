"""Several time points or channels of a layer, reconstructed into one image."""

import json

import numpy as np
import pytest

from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.plugin.widgets.axis_chooser import ALL, SOME
from napari_microdiffusion.reconstruction.blocks import plan
from napari_microdiffusion.reconstruction.cost.estimate import Estimate
from napari_microdiffusion.reconstruction.events import Progress, StageStarted
from napari_microdiffusion.tasks.progress import StackBegun
from napari_microdiffusion.tasks.reconstructing import Reconstruction
from napari_microdiffusion.tasks.remaining import SeriesRemaining
from napari_microdiffusion.tasks.several import series as series_task

from .conftest import PATIENCE_MS, N, set_field

pytestmark = pytest.mark.windowless


@pytest.fixture
def recording(projections):
    """Four time points of different brightness."""
    return np.stack([(1 + time) * projections for time in range(4)])


def add(dock, data, labels=("t", "z", "y", "x"), scale=(0.5, 8, 2, 2)):
    """A recording as a layer, chosen, with the settings of a quick run."""
    look = {"scale": scale, "units": ("s", *("um",) * (data.ndim - 1)), "axis_labels": labels}
    if data.ndim == 5:
        look["units"] = ("s", "pixel", "um", "um", "um")
    layer = dock.viewer.add_image(data, name="recording", **look)
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    return layer


def choose(dock, several, axis=0, first=None, last=None):
    """Choose all places of an axis, or those from one to another."""
    chooser = dock.sections.projections.chooser.axes[axis]
    chooser.box.native.setCurrentText(several)
    if first is not None:
        chooser.first.setValue(first)
        chooser.last.setValue(last)


@pytest.mark.window
def test_all_time_points_become_one_image_that_fills_as_they_are_done(dock, recording, qtbot, finish):
    add(dock, recording)
    choose(dock, ALL)
    assert dock.panel.estimate.text().startswith("4 time points: ")
    assert "the result takes 0.3 MB" in dock.panel.estimate.text()
    assert dock.sections.projections.state == "recording, 4 time points"
    dock.panel.button.click()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    volume = dock.viewer.layers["recording volume"]
    for time, slabs in enumerate(recording):
        np.testing.assert_allclose(volume.data[time], histospline(slabs, N), atol=1e-2)
    assert tuple(volume.scale) == (0.5, 2, 2, 2)
    assert tuple(volume.translate) == (0, 0, 0, 0)
    assert tuple(volume.axis_labels) == ("t", "z", "y", "x")
    assert [str(unit) for unit in volume.units] == ["second", *("micrometer",) * 3]
    assert dock.viewer.dims.ndim == 4
    assert "4 time points" in dock.outcome.message.text()
    assert dock.results.volume == volume
    # What is seen along z is the time point on screen.
    dock.along_z.open()
    dock.viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(dock.along_z.sections._volumes[0].data, volume.data[2])
    dock.outcome.three_d.click()
    assert dock.outcome.warnings.isHidden()


def test_a_range_lies_at_its_time_and_is_saved_whole_with_what_made_it(dock, recording, finish, tmp_path):
    add(dock, recording)
    choose(dock, SOME, first=1, last=2)
    dock.runs.start()
    finish(dock)
    volume = dock.viewer.layers["recording volume"]
    assert volume.data.shape == (2, 5 * N, 32, 32)
    assert tuple(volume.translate) == (0.5, 0, 0, 0)
    assert dock.results.unsaved == ["recording volume"]
    dock.runs.save_to(tmp_path / "two.ome.tif")
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    assert dock.results.unsaved == []
    image = read_image(tmp_path / "two.ome.tif")
    assert image.axes == "tzyx"
    np.testing.assert_array_equal(image.data, volume.data)
    assert image.scale == (2, 2, 2)
    record = json.loads((tmp_path / "two.provenance.json").read_text())
    assert [one["time"] for one in record["times"]] == [1, 2]
    dock.runs.export()
    finish(dock)


def test_a_file_of_time_points_is_taken_as_the_command_line_takes_it(dock, recording, finish, tmp_path):
    path = tmp_path / "recording.ome.tif"
    write_image(path, recording, axes="tzyx", scale=(8.0, 2.0, 2.0), step_length=N)
    dock.runs.open_file(str(path))
    finish(dock)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    choose(dock, ALL)
    dock.runs.start()
    finish(dock)
    assert dock.viewer.layers["recording volume"].data.shape == (4, 5 * N, 32, 32)


def test_stopping_keeps_the_time_points_that_are_done(dock, recording, qtbot, finish, monkeypatch):
    real = Reconstruction.__call__

    def watched(self, cancel):
        yield from real(self, cancel)
        if np.asarray(self.projections).max() > 150:  # the second
            cancel.stop()

    monkeypatch.setattr(Reconstruction, "__call__", watched)
    add(dock, recording)
    choose(dock, ALL)
    dock.runs.start()
    finish(dock)
    volume = dock.viewer.layers["recording volume (stopped)"]
    assert volume.data.shape[0] == 2
    np.testing.assert_allclose(volume.data[1], histospline(recording[1], N), atol=1e-2)
    assert "Kept: 2 of 4 time points" in dock.outcome.message.text()


def test_cancelling_keeps_nothing(dock, recording, qtbot, finish, monkeypatch):
    real = Reconstruction.__call__

    def watched(self, cancel):
        yield from real(self, cancel)
        while np.asarray(self.projections).max() > 150:
            cancel.check()

    monkeypatch.setattr(Reconstruction, "__call__", watched)
    add(dock, recording)
    choose(dock, ALL)
    dock.runs.start()
    qtbot.waitUntil(lambda: len(dock.viewer.layers) == 2, timeout=PATIENCE_MS)
    dock.runs.cancel()
    finish(dock)
    assert [layer.name for layer in dock.viewer.layers] == ["recording"]


def test_a_time_point_that_cannot_be_reconstructed_leaves_those_before(dock, recording, finish):
    recording[2, 1] = np.nan
    add(dock, recording)
    choose(dock, ALL)
    dock.runs.start()
    finish(dock)
    assert dock.viewer.layers["recording volume (stopped)"].data.shape[0] == 2
    assert "Time point 3 of 4: " in dock.outcome.warnings.text()
    assert "--" not in dock.outcome.warnings.text()


def test_channels_and_time_points_keep_their_axes(dock, recording, finish):
    both = np.stack([recording, 10 * recording], axis=1)
    add(dock, both, ("t", "c", "z", "y", "x"), (0.5, 1, 8, 2, 2))
    choose(dock, ALL)
    choose(dock, ALL, axis=1)
    assert dock.document.series.noun == "stack"
    dock.runs.start()
    finish(dock)
    volume = dock.viewer.layers["recording volume"]
    assert volume.data.shape[:2] == (4, 2)
    np.testing.assert_allclose(volume.data[3, 1], histospline(both[3, 1], N), rtol=1e-4, atol=0.1)
    choose(dock, "2")
    assert dock.document.series.noun == "channel"
    dock.runs.start()
    finish(dock)
    assert dock.viewer.layers["recording volume [1]"].data.shape == (2, 5 * N, 32, 32)
    assert tuple(dock.viewer.layers["recording volume [1]"].axis_labels) == ("c", "z", "y", "x")


def test_volumes_too_large_for_the_disk_are_refused_before(dock, recording, monkeypatch):
    monkeypatch.setattr(series_task, "_IN_MEMORY", 0)
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: type("Disk", (), {"free": 1000}))
    add(dock, recording)
    assert dock.panel.button.isEnabled()
    choose(dock, ALL)
    assert not dock.panel.button.isEnabled()
    assert "choose fewer at a time" in dock.panel.button.toolTip()


def test_large_images_lie_on_the_disk_and_leave_nothing_there(dock, recording, finish, monkeypatch, tmp_path):
    monkeypatch.setattr(series_task, "_IN_MEMORY", 0)
    monkeypatch.setattr(series_task.tempfile, "tempdir", str(tmp_path))
    add(dock, recording)
    choose(dock, ALL)
    dock.runs.start()
    finish(dock)
    volume = dock.viewer.layers["recording volume"]
    assert isinstance(volume.data, np.memmap)
    np.testing.assert_allclose(volume.data[3], histospline(recording[3], N), atol=1e-2)
    assert list(tmp_path.iterdir()) == []


def test_large_stacks_of_a_series_are_reconstructed_in_blocks(dock, recording, finish, monkeypatch):
    monkeypatch.setattr(plan, "LARGE", 1000)
    add(dock, recording)
    choose(dock, SOME, first=0, last=1)
    dock.runs.start()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    volume = dock.viewer.layers["recording volume"]
    for time in range(2):
        np.testing.assert_allclose(volume.data[time], histospline(recording[time], N), atol=1e-2)


def test_time_left_is_that_of_all_time_points():
    now = [0.0]
    expected = Estimate(10.0, 1, "this CPU", stages={"start": 0.0, "guide": 10.0, "end": 0.0})
    remaining = SeriesRemaining(expected, 4, lambda: now[0])
    remaining.handle(StackBegun(0, "time point 1 of 4"))
    remaining.handle(StageStarted("guide", "Starting estimate"))
    now[0] = 5.0
    remaining.handle(Progress("guide", 0.5))
    step = remaining.step()
    assert step.text == "Time point 1 of 4 · Starting estimate"
    assert step.fraction == pytest.approx(1 / 8, abs=0.02)
    assert step.seconds_left == pytest.approx(35, abs=3)
    now[0] = 20.0
    remaining.handle(StackBegun(1, "time point 2 of 4"))
    assert remaining.step().seconds_left == pytest.approx(60, abs=3)
