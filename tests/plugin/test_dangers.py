"""What a person or the machine may do to the dock in a run, and layers that it was never meant for."""

import threading

import numpy as np
import pytest
import torch
from qtpy.QtGui import QShortcut

from napari_microdiffusion.diffusion.preconditioning import Denoiser
from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.reconstruction.events import SliceReady

from .conftest import PATIENCE_MS, SHAPE, N, field_of, set_field

pytestmark = pytest.mark.windowless


def run_threads():
    return [thread for thread in threading.enumerate() if thread.name == "microdiffusion run"]


@pytest.fixture
def half_way(opened, slow, qtbot):
    """A run of which some slices have arrived, with pauses, so that there is time to interfere."""
    opened.runs.start()
    qtbot.waitUntil(lambda: sum(isinstance(event, SliceReady) for event in slow) > 6, timeout=PATIENCE_MS)
    return opened


@pytest.mark.window
def test_layers_renamed_reordered_and_painted_on_during_a_run_change_nothing(half_way, finish, projections):
    viewer = half_way.viewer
    layer = viewer.layers["bar"]
    layer.name = "renamed"
    viewer.layers.reverse()
    layer.data[:] = 7
    layer.refresh()
    viewer.layers["bar volume (preview)"].name = "mine now"
    finish(half_way)
    assert half_way.outcome.error.isHidden(), half_way.outcome.error.text()
    volume = half_way.runs.last.layers.volume
    assert volume in viewer.layers
    np.testing.assert_allclose(volume.data, histospline(projections, N), atol=1e-3)


@pytest.mark.window
def test_closing_the_window_during_a_run_ends_its_thread(half_way, qtbot):
    assert run_threads()
    half_way.viewer.close()
    qtbot.waitUntil(lambda: not run_threads(), timeout=PATIENCE_MS)


def with_diffusion(dock):
    set_field(dock, "method.prior", "general")
    set_field(dock, "method.samples", 0)


def test_a_full_memory_is_gone_round_or_told_in_plain_words(dock, rng, finish, monkeypatch):
    stack = rng.uniform(0, 100, (5, 40, 40)).astype(np.float32)
    dock.viewer.add_image(stack, name="wide", scale=(4, 1, 1), units=("um",) * 3)
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "method.guide", "histospline")
    with_diffusion(dock)
    real, full = Denoiser.forward, [1]

    def scarce(self, *arguments):
        if full:
            full.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, *arguments)

    monkeypatch.setattr(Denoiser, "forward", scarce)
    dock.panel.button.click()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    assert "going on with smaller tiles" in dock.outcome.warnings.text()
    assert dock.runs.last.layers.volume.name == "wide volume"

    full.extend([1] * 100)
    dock.panel.button.click()
    finish(dock)
    assert "smallest tiles" in dock.outcome.error.text()
    assert dock.panel.button.isEnabled()
    kept = ["wide", "wide volume", "wide volume (incomplete)"]
    assert [layer.name for layer in dock.viewer.layers] == kept

    full.clear()

    def lost(*_):
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(Denoiser, "forward", lost)
    dock.panel.button.click()
    finish(dock)
    assert "the processor reported an error" in dock.outcome.error.text().lower()
    assert dock.panel.button.isEnabled()


def test_only_stacks_of_grey_planes_are_offered_and_the_others_say_why(dock, projections, finish):
    viewer, chooser = dock.viewer, dock.sections.projections.chooser
    viewer.add_image(np.zeros((30, 32)), name="plane")
    viewer.add_image(np.zeros((30, 32, 3), np.uint8), name="photo", rgb=True)
    viewer.add_labels(np.zeros((5, 30, 32), int), name="cells")
    assert chooser.layers == []
    for reason in ("“plane” is a single plane", "“photo” is a colour picture", "“cells” is a labels layer"):
        assert reason in chooser.refusals.text()
    viewer.add_image(np.zeros((1, 30, 32)), name="thin")
    viewer.add_image(np.zeros((4, 30, 32), bool), name="mask")
    assert chooser.layers == []
    viewer.layers.clear()

    five = np.zeros((2, 3, *SHAPE), np.float32)
    five[1, 2] = projections
    viewer.add_image(five, name="five", axis_labels=("t", "c", "z", "y", "x"))
    viewer.add_image([projections, projections[:, ::2, ::2]], name="pyramid", multiscale=True)
    assert [layer.name for layer in chooser.layers] == ["five", "pyramid"]
    # Nothing is known of their scale; the step length is a guess and says so.
    assert dock.document.step_length_source() == "not in the file: check it"
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    expected = histospline(projections, N)
    for name, chosen in (("five", (1, 2)), ("pyramid", ())):
        chooser.select(viewer.layers[name])
        for box, index in zip((axis.box.native for axis in chooser.axes), chosen, strict=True):
            box.setCurrentIndex(index)
        set_field(dock, "acquisition.step_length", N)
        dock.panel.button.click()
        finish(dock)
        assert dock.outcome.error.isHidden(), dock.outcome.error.text()
        volume = dock.runs.last.layers.volume
        np.testing.assert_allclose(volume.data, expected, atol=1e-3)
        assert str(volume.units[0]) == "pixel"


def test_a_step_length_that_is_not_the_file_s_says_so(opened):
    set_field(opened, "acquisition.step_length", N + 1)
    assert opened.document.step_length_source() == "set by hand"
    set_field(opened, "acquisition.step_length", N)
    assert opened.document.step_length_source() == "from file"


@pytest.mark.window
def test_keys_do_what_the_buttons_do(opened, finish):
    keys = {shortcut.key().toString(): shortcut for shortcut in opened.findChildren(QShortcut)}
    assert {"Ctrl+Alt+R", "Ctrl+Alt+K", "Ctrl+Alt+X", "Ctrl+Alt+F"} <= keys.keys()
    assert "Ctrl+Alt+R" in opened.panel.button.toolTip()
    was = opened.panel.follow.isChecked()
    keys["Ctrl+Alt+F"].activated.emit()
    assert opened.panel.follow.isChecked() is not was
    keys["Ctrl+Alt+R"].activated.emit()
    assert opened.runs.is_running
    keys["Ctrl+Alt+X"].activated.emit()
    finish(opened)
    assert "Cancelled" in opened.outcome.message.text()
    keys["Ctrl+Alt+K"].activated.emit()  # nothing runs: nothing happens


def test_flaws_of_the_projections_are_told_before_the_run(dock, projections, qtbot):
    flaws = dock.sections.projections.flaws
    layer = dock.viewer.add_image(np.minimum(projections, 90), name="clipped")
    qtbot.waitUntil(lambda: "saturated at 90" in flaws.text(), timeout=PATIENCE_MS)
    assert not flaws.isHidden()
    dock.viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: flaws.isHidden(), timeout=PATIENCE_MS)


def test_flicker_is_judged_above_the_dark_level_as_the_correction_judges_it(dock, rng, qtbot):
    flaws = dock.sections.projections.flaws
    stack = rng.uniform(1018, 1022, (7, 32, 32)).astype(np.float32)
    stack[3] += 20
    stack[:, 8:12, 8:12] += 500
    dock.viewer.add_image(stack, name="flickering")
    qtbot.waitUntil(lambda: not dock.flaws.job.is_running, timeout=PATIENCE_MS)
    assert flaws.isHidden()
    dock.document.ask({"acquisition.dark_level": 1000.0})
    qtbot.waitUntil(lambda: "Slab 4 of 7" in flaws.text(), timeout=PATIENCE_MS)


def test_the_settings_of_an_inr_reach_the_run(opened):
    guide = opened.sections.guide
    set_field(opened, "method.guide", "inr")
    assert not guide.fine.isHidden()
    assert opened.document.method_of_run().inr.epochs is None
    set_field(opened, "method.inr.epochs", 7)
    set_field(opened, "method.inr.minutes", 1.5)
    set_field(opened, "method.inr.inference", "gaussian")
    found = opened.document.method_of_run().inr
    assert (found.epochs, found.minutes, found.inference) == (7, 1.5, "gaussian")
    assert "7 epochs" in guide.fine.state
    width = field_of(opened, "method.inr.width")
    assert not width.isVisibleTo(guide)
    set_field(opened, "method.inr.field", "paper")
    guide.open()
    guide.fine.open()
    assert width.isVisibleTo(guide)
    set_field(opened, "method.guide", "histospline")
    assert guide.fine.isHidden()
