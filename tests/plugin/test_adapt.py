"""The dock "Adapt prior" in a real viewer, with the real training at its smallest."""

import numpy as np
import pytest

from napari_microdiffusion.diffusion.prior import Prior
from napari_microdiffusion.plugin.widgets.prior_chooser import AdaptedPriors
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import METADATA_KEY

from .conftest import PATIENCE_MS, dock_in

pytestmark = pytest.mark.windowless

TRUTH = {METADATA_KEY: {"role": "ground truth"}}


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """A list of adapted priors of its own for every test."""
    monkeypatch.setattr(AdaptedPriors, "_only", None)


@pytest.fixture
def dock(viewer, quick_training, qtbot):
    volume = make_specimen("neurons", (24, 32, 32), 3)
    viewer.add_image(volume, name="mine", metadata=TRUTH)
    viewer.add_image(np.zeros((4, 8, 8)), name="tiny")
    widget = dock_in(viewer, qtbot, "Adapt prior")
    yield widget
    widget.runner.cancel()
    qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def judged(monkeypatch):
    """What the stacks that judge the prior say before and after; the steps here are too few to tell."""
    from napari_microdiffusion.training.recipe import PriorTraining

    shares = [0.5, 0.6]
    monkeypatch.setattr(PriorTraining, "explained", lambda training, _: shares[training.fitting.step > 0])
    return shares


@pytest.fixture
def finish(qtbot, dock):
    return lambda: qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)


@pytest.mark.window
def test_the_adapted_prior_is_saved_and_chosen_in_the_other_dock(dock, finish, tmp_path, viewer, judged):
    _, other = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
    assert dock.references.list.layers == [viewer.layers["mine"]]
    assert dock.references.state == "1 volume"
    path = tmp_path / "mine.safetensors"
    dock.adapt_to(path.with_suffix(""))
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    said = dock.messages.message.text()
    assert "after 3 steps" in said
    assert "recovers 60.0 % of what the starting estimate misses; before it was 50.0 %" in said
    assert len(dock.plot.curves[0].x) == 3
    assert Prior.load(path).card["data"] == "reference volumes"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]
    section = other.sections.diffusion
    assert other.document.method.prior == str(path)
    assert section.prior.words == "Adapted: mine.safetensors"
    section.adapt.click()


def test_what_it_learns_is_in_sight_in_a_low_window(dock, finish, tmp_path, qtbot):
    dock.resize(400, 560)
    with qtbot.waitExposed(dock):
        dock.show()
    dock.adapt_to(tmp_path / "mine.safetensors")

    def is_in_sight() -> bool:
        return dock.plot.visibleRegion().boundingRect().height() == dock.plot.height()

    qtbot.waitUntil(is_in_sight, timeout=PATIENCE_MS)
    finish()


def test_one_that_is_no_better_is_kept_and_not_chosen(dock, finish, tmp_path, judged, viewer, qtbot):
    other = dock_in(viewer, qtbot, "Reconstruct volume")
    judged[1] = 0.5
    path = tmp_path / "mine.safetensors"
    dock.adapt_to(path)
    finish()
    assert path.exists()
    assert "That is no gain" in dock.messages.message.text()
    assert other.document.value("method.prior") == "general"
    # It can still be chosen.
    other.sections.diffusion.refresh()
    assert str(path) in other.sections.diffusion.prior.box.choices


def test_too_short_a_time_is_told_while_it_learns(dock, finish, tmp_path, judged, quick_training, qtbot):
    quick_training["steps"] = 20
    dock.adapt_to(tmp_path / "mine.safetensors")
    qtbot.waitUntil(lambda: bool(dock.plot.curves), timeout=PATIENCE_MS)
    finish()
    assert "enough for about 20 steps" in dock.messages.warnings.text()
    assert "allow about 25 minutes" in dock.messages.warnings.text()


def test_stopped_it_keeps_and_cancelled_it_leaves_nothing(
    dock, finish, tmp_path, qtbot, quick_training, viewer
):
    quick_training["steps"] = 100_000
    kept, lost = tmp_path / "kept.safetensors", tmp_path / "lost.safetensors"
    lost.write_bytes(b"an earlier one")
    dock.adapt_to(kept)
    qtbot.waitUntil(lambda: bool(dock.plot.curves), timeout=PATIENCE_MS)
    dock.panel.stop.click()
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    assert kept.exists()
    assert "Saved as" in dock.messages.message.text()

    dock.adapt_to(lost)
    qtbot.waitUntil(lambda: bool(dock.plot.curves), timeout=PATIENCE_MS)
    dock.panel.cancel.click()
    finish()
    assert lost.read_bytes() == b"an earlier one"
    assert "Cancelled" in dock.messages.message.text()

    dock.adapt_to(lost)
    viewer.layers.remove("mine")
    finish()
    assert "was removed" in dock.messages.message.text()
    assert "Open a reference volume first" in dock.panel.button.toolTip()
    assert "at least 8" in dock.references._hint.text()


def test_what_cannot_be_adapted_is_one_sentence(dock, finish, tmp_path):
    dock.prior.use_prior(str(tmp_path / "none.safetensors"))
    dock.adapt_to(tmp_path / "out.safetensors")
    finish()
    assert "none.safetensors" in dock.messages.error.text()
    dock.prior.use_prior("general")
    dock.adapt_to(tmp_path / "nowhere" / "out.safetensors")
    finish()
    assert "cannot be written" in dock.messages.error.text()
