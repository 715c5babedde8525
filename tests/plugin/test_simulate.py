"""The dock "Simulate projections" in a real viewer."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.stacks.placement import Placement

from .conftest import PATIENCE_MS, dock_in, field_of, set_field

pytestmark = pytest.mark.windowless

DEPTH = 26
STEP = "acquisition.step_length"


@pytest.fixture
def volume():
    return make_specimen("vasculature", (DEPTH, 32, 32), 3) * np.float32(1000)


@pytest.fixture
def dock(viewer, volume, qtbot):
    viewer.add_image(
        volume, name="vessels", scale=(1.5, 0.5, 0.5), units=("um",) * 3, axis_labels=("z", "y", "x")
    )
    widget = dock_in(viewer, qtbot, "Simulate projections")
    yield widget
    widget.runner.cancel()
    qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=PATIENCE_MS)


@pytest.fixture
def finish(qtbot, dock):
    return lambda: qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)


def test_projections_lie_where_the_volume_lies_and_know_their_step_length(dock, volume, finish, qtbot):
    set_field(dock, STEP, 6)
    set_field(dock, "acquisition.beam", "bessel")
    set_field(dock, "photons", 200)
    set_field(dock, "read_noise", 2)
    set_field(dock, "seed", 9)
    assert "200 photons" in dock.detector.state
    dock.panel.button.click()
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    layer = dock.viewer.layers["vessels projections n6"]
    acquisition = Acquisition(step_length=6, beam="bessel")
    expected = simulate_projections(volume, acquisition, photons=200, read_noise=2, seed=9)
    np.testing.assert_array_equal(layer.data, expected)
    assert "last 2 slices" in dock.messages.message.text()
    source = dock.viewer.layers["vessels"]
    assert Placement.of_layer(layer).of_volume(6) == Placement.of_layer(source)
    assert layer.metadata[METADATA_KEY]["step_length"] == 6

    # The other dock takes step length, beam and truth from them.
    other = dock_in(dock.viewer, qtbot, "Reconstruct volume")
    other.sections.projections.select(layer)
    assert (other.document.acquisition.step_length, other.document.step_length_source()) == (6, "from file")
    assert other.document.acquisition.beam == "bessel"
    assert other.document.truth == source


def test_a_sweep_plots_quality_and_says_how_deep_the_beam_may_be(dock, finish, qtbot):
    dock.tabs.setCurrentWidget(dock.sweep_tab)
    assert dock.panel.button.text() == "Sweep the step length"
    # Only step lengths that leave two slabs are offered.
    assert field_of(dock, "step_lengths").text() == "2 3 4 6 8 12"
    set_field(dock, "step_lengths", "2, 4, 12")
    dock.panel.button.click()
    finish()
    assert dock.messages.error.isHidden(), dock.messages.error.text()
    reconstruction, by_linear = dock.sweep_tab.plot.curves
    assert list(reconstruction.x) == [2, 4, 12]
    assert reconstruction.y[0] > reconstruction.y[2]
    assert reconstruction.y[0] > by_linear.y[0]
    assert "of the depth within slabs is recovered" in dock.messages.message.text()
    set_field(dock, "metric", "psnr")
    assert dock.sweep_tab.plot.y_title == "PSNR (dB)"
    dock.sweep_tab.plot.picked.emit(4.0)
    assert dock.document.acquisition.step_length == 4

    # Stopped after its first point it keeps that one.
    dock.panel.button.click()
    qtbot.waitUntil(lambda: bool(dock.sweep_tab.points), timeout=PATIENCE_MS)
    dock.panel.stop.click()
    finish()
    assert 1 <= len(dock.sweep_tab.points) <= 3
    # Cancelled, it is idle at once, and the volume that it needs may go.
    dock.panel.button.click()
    dock.viewer.layers.remove("vessels")
    finish()
    assert "was removed" in dock.messages.message.text()
    assert not dock.panel.button.isEnabled()


def test_what_cannot_be_simulated_says_why(dock):
    set_field(dock, STEP, 14)
    assert "no two slabs" in dock.panel.button.toolTip()
    dock.tabs.setCurrentWidget(dock.sweep_tab)
    for text, reason in (
        ("2 x", "'x' is none"),
        ("", "least one"),
        ("2 14", "at most 13"),
        ("1", "from 2"),
    ):
        set_field(dock, "step_lengths", text)
        assert not dock.panel.button.isEnabled()
        assert reason in dock.panel.button.toolTip()
    viewer = dock.viewer
    viewer.layers.clear()
    assert "Open a volume first" in dock.panel.button.toolTip()
    viewer.add_image(np.zeros((8, 9, 3), np.uint8), rgb=True, name="photo")
    viewer.add_image(np.zeros((8, 9)), name="plane")
    assert "colour picture" in dock.volume.chooser.refusals.text()
    assert "single plane" in dock.volume.chooser.refusals.text()
