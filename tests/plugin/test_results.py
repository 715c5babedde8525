"""The buttons of a result belong to the chosen layer, and show what the viewer shows."""

import json

import numpy as np
import pytest
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QMainWindow, QMessageBox

from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import read_image
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.stacks.reader import read_layers

from .conftest import PATIENCE_MS, N, dock_in, set_field

pytestmark = pytest.mark.windowless


@pytest.fixture
def done(opened, finish):
    """A finished run; `run` makes further ones."""
    opened.runs.start()
    finish(opened)
    return opened


def add_uncertainty(dock, volume):
    """A layer as a run with samples leaves it, without the time that it takes."""
    run = dock.results.runs[volume]
    data = run.result.uncertainty = np.full_like(volume.data, 2.0)
    run.result.provenance["settings"] |= {"diffusion": "slab", "samples": 1}
    known = {**volume.metadata[METADATA_KEY], "role": "uncertainty"}
    look = {"metadata": {METADATA_KEY: known}, "visible": False, "scale": volume.scale, "units": volume.units}
    run.layers.uncertainty = dock.viewer.add_image(data, name="bar uncertainty", **look)
    dock.viewer.layers.selection.active = volume
    return run.layers.uncertainty


def buttons(dock):
    outcome = dock.outcome
    return tuple(b.isChecked() for b in (outcome.uncertainty, outcome.three_d, outcome.side_by_side))


def test_the_buttons_stay_whatever_is_opened_and_follow_the_chosen_result(done, finish, tmp_path, rng):
    first = done.viewer.layers["bar volume"]
    assert done.results.run.result.guide.size == 0  # nothing is held beside what the layers show
    done.viewer.add_image(rng.random((4, 5, 6)), name="something else")
    done.runs.open_sample()
    finish(done)
    assert not done.outcome._buttons.isHidden()
    assert done.outcome.name.text() == "Result: bar volume"
    done.sections.projections.select(done.viewer.layers["bar"])
    done.runs.start()
    finish(done)
    assert done.outcome.name.text() == "Result: bar volume [1]"
    done.viewer.layers.selection.active = first
    assert done.outcome.name.text() == "Result: bar volume"
    done.runs.save_to(tmp_path / "first.ome.tif")
    finish(done)
    np.testing.assert_array_equal(read_image(tmp_path / "first.ome.tif").data, first.data)


def test_a_reopened_result_has_its_buttons_and_its_uncertainty(done, finish, tmp_path, viewer, qtbot):
    add_uncertainty(done, done.viewer.layers["bar volume"])
    path = tmp_path / "bar volume.ome.tif"
    done.runs.save_to(path)
    finish(done)
    viewer.layers.clear()
    assert done.outcome._buttons.isHidden()
    for name in ("bar uncertainty.ome.tif", "bar volume.ome.tif"):
        ((data, look, _),) = read_layers(tmp_path / name)
        viewer.add_image(data, **look)
    other = dock_in(viewer, qtbot, "Reconstruct volume")
    for dock in (done, other):
        assert dock.results.uncertainty is viewer.layers[0]
        assert dock.outcome.uncertainty.isEnabled()
        assert not dock.outcome._buttons.isHidden()
    other.runs.save_to(tmp_path / "copy volume.ome.tif")
    finish(other)
    for name in ("volume", "uncertainty"):
        copy, own = (read_image(tmp_path / f"{stem} {name}.ome.tif") for stem in ("copy", "bar"))
        np.testing.assert_array_equal(copy.data, own.data)
        assert copy.scale == own.scale
    assert "settings" in read_image(tmp_path / "copy volume.ome.tif").metadata["description"]


def test_a_removed_result_that_is_not_saved_can_be_brought_back(done, finish, tmp_path):
    volume = done.viewer.layers["bar volume"]
    done.viewer.layers.remove(volume)
    assert "not saved" in done.outcome.message.text()
    assert not done.outcome.bring_back.isHidden()
    done.outcome.bring_back.click()
    assert volume in done.viewer.layers
    assert done.results.run is not None
    done.runs.save_to(tmp_path / "v.ome.tif")
    finish(done)
    done.viewer.layers.remove(volume)
    assert done.outcome.bring_back.isHidden()
    assert done.results.runs == {}


def test_an_edited_layer_is_what_is_saved_and_that_is_told(done, finish, tmp_path):
    volume = done.viewer.layers["bar volume"]
    done.runs.save_to(tmp_path / "as made.ome.tif")
    finish(done)
    assert done.outcome.warnings.isHidden()
    volume.data = volume.data + 1
    volume.translate = (10, 0, 0)
    done.runs.save_to(tmp_path / "edited.ome.tif")
    finish(done)
    saved = read_image(tmp_path / "edited.ome.tif")
    np.testing.assert_array_equal(saved.data, volume.data)
    assert saved.origin == pytest.approx((10, 0, 0))
    assert "edited since the run" in done.outcome.warnings.text()
    assert json.loads((tmp_path / "edited.provenance.json").read_text())["edited"]


def test_a_name_given_in_a_run_stays(opened, slow, finish, qtbot):
    opened.runs.start()
    qtbot.waitUntil(lambda: len(opened.viewer.layers) == 2, timeout=PATIENCE_MS)
    opened.viewer.layers[-1].name = "mine"
    finish(opened)
    assert opened.viewer.layers[-1].name == "mine"
    assert opened.outcome.name.text() == "Result: mine"


def test_switches_show_what_the_viewer_shows(done, projections):
    viewer, outcome = done.viewer, done.outcome
    viewer.add_image(histospline(projections, N), name="truth", visible=False)
    set_field(done, "ground truth", "truth")
    volume = viewer.layers["bar volume"]
    uncertainty = add_uncertainty(done, volume)

    def visible():
        return [layer.name for layer in viewer.layers if layer.visible]

    before = visible()
    outcome.three_d.click()
    outcome.side_by_side.click()
    assert buttons(done) == (False, True, True)
    assert visible() == ["bar volume", "truth"]
    assert [layer.name for layer in viewer.layers if layer.name_overlay.visible] == visible()
    outcome.three_d.click()
    assert (viewer.dims.ndisplay, visible()) == (2, ["bar volume", "truth"])
    outcome.three_d.click()
    outcome.side_by_side.click()
    assert visible() == ["bar volume"]
    # napari's own button ends it as ours does.
    viewer.dims.ndisplay = 2
    assert buttons(done) == (False, False, False)
    assert visible() == before
    assert not any(layer.name_overlay.visible for layer in viewer.layers)
    viewer.canvas.grid.enabled = True
    assert buttons(done) == (False, False, True)
    outcome.side_by_side.click()
    assert not viewer.canvas.grid.enabled
    # The eye beside a layer does what the button does.
    uncertainty.visible = True
    assert buttons(done) == (True, False, False)
    outcome.uncertainty.click()
    assert (uncertainty.visible, volume.visible) == (False, True)
    outcome.uncertainty.click()
    assert (uncertainty.visible, volume.visible) == (True, False)
    assert uncertainty.colorbar.visible
    viewer.layers.remove(uncertainty)
    assert volume.visible
    assert buttons(done) == (False, False, False)
    assert not outcome.uncertainty.isEnabled()


def test_sixteen_bits_beside_the_projections_with_one_click(done, finish, projections_file):
    for name in ("bar volume 16 bit.tif", "bar volume 16 bit 2.tif"):
        done.outcome.export.click()
        finish(done)
        image = read_image(projections_file.parent / name)
        assert image.data.dtype == np.uint16
        assert image.scale == pytest.approx((2, 2, 2))
        about = image.metadata["description"]
        volume = (image.data - about["grey_level_offset"]) / about["grey_level_factor"]
        np.testing.assert_allclose(volume, done.viewer.layers["bar volume"].data, atol=0.01)
    assert "16 bit 2.tif" in done.outcome.message.text()


def test_closing_the_window_asks_for_results_that_are_not_saved(done, finish, tmp_path, monkeypatch):
    asked, window = [], QMainWindow()

    class Closing(QCloseEvent):
        def spontaneous(self):
            return True

    def answer(_parent, _title, text):
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    event = Closing()
    assert done.eventFilter(window, event)
    assert not event.isAccepted()
    assert "Not saved: bar volume" in asked[0]
    assert not done.eventFilter(window, QCloseEvent())  # the program itself closes it
    done.runs.save_to(tmp_path / "v.ome.tif")
    finish(done)
    assert not done.eventFilter(window, Closing())
    assert len(asked) == 1
