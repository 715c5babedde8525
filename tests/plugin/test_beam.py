"""The beam in the docks: fields, calculator, measured beams, two views, the picture of the beam."""

import numpy as np
import pytest
from qtpy.QtWidgets import QDialogButtonBox

from napari_microdiffusion.io import write_image
from napari_microdiffusion.io.beam_files import write_beam
from napari_microdiffusion.io.measured_beam import MeasuredBeam
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.optics.beam.foci import bessel_focus
from napari_microdiffusion.plugin.beam.optics_dialog import OpticsDialog
from napari_microdiffusion.plugin.beam.views import APART, STACKED, VIEWS

from .conftest import PATIENCE_MS, SHAPE, N, field_of, set_field

BENT = {
    "step_length": N,
    "beam": "airy",
    "width": 6.0,
    "bend": 0.25,
    "apex": -1.0,
    "direction": 90.0,
    "side_lobes": 2,
    "lobe_spacing": 3.0,
}


@pytest.fixture
def table(tmp_path):
    """A triangular beam, 16 um from end to end, displaced by 4 um towards its ends."""
    path = tmp_path / "beam.csv"
    z = np.arange(-8.0, 9)
    moved = np.stack([np.zeros(17), z**2 / 16], axis=1)
    write_beam(path, MeasuredBeam(z, 8 - abs(z), moved))
    return path


def test_fields_make_the_acquisition(opened):
    section = opened.sections.beam
    for name in ("beam", "width", "bend", "apex", "direction", "lobe_spacing", "side_lobes"):
        set_field(opened, f"acquisition.{name}", BENT[name])
    assert opened.document.acquisition == Acquisition(**BENT)
    assert "airy, bent" in section.state
    assert section.form.plot.beyond > 0.1
    assert "beyond the slab" in section.form.about.text()


def test_saved_settings_come_back(opened):
    opened.document.use({"acquisition": BENT, "method": {"diffusion": "off"}})
    assert opened.document.acquisition == Acquisition(**BENT)
    profile = {"step_length": N, "axial_profile": (1, 2, 3, 3, 2, 1), "displacement": ((0.0, 1.0),) * 6}
    opened.document.use({"acquisition": profile, "method": {"diffusion": "off"}})
    assert opened.document.acquisition == Acquisition(**profile)
    # A profile in slices of another length means nothing.
    set_field(opened, "acquisition.step_length", N + 1)
    assert opened.document.acquisition.axial_profile is None


def test_a_sample_finds_its_truth_whatever_was_set_before(dock, finish):
    set_field(dock, "acquisition.step_length", 9)
    set_field(dock, VIEWS, STACKED)
    dock.runs.open_sample()
    finish(dock)
    assert dock.document.truth.name == "vasculature ground truth"


def test_what_cannot_be_is_the_reason_not_to_start(opened):
    set_field(opened, "acquisition.side_lobes", 2)
    assert "bend" in opened.document.judge()[1]


def test_a_measured_beam_is_imported(opened, table, qtbot):
    fields = opened.sections.beam.form
    with qtbot.waitSignal(fields.imported.measured, timeout=PATIENCE_MS):
        fields.imported.read(table)
    acquisition = opened.document.acquisition
    # Slices of 2 um: the triangle of 16 um covers eight of them.
    np.testing.assert_allclose(acquisition.axial_profile, np.array([1, 3, 5, 7, 7, 5, 3, 1]) / 32)
    assert max(x for _, x in acquisition.displacement) == pytest.approx(1.6, abs=0.4)
    assert "8 slices from beam.csv" in fields.about.text()
    fields.forget.click()
    assert opened.document.acquisition.axial_profile is None


def test_a_measured_beam_that_is_none_is_told(opened, tmp_path, qtbot):
    fields = opened.sections.beam.form
    (tmp_path / "bad.csv").write_text("z,I\n0,1\n")
    with qtbot.waitSignal(fields.imported.failed, timeout=PATIENCE_MS):
        fields.imported.read(tmp_path / "bad.csv")
    assert "bad.csv has 1 depths" in fields.about.text()


def test_a_measured_beam_needs_a_scale(dock, projections, viewer, table, qtbot):
    viewer.add_image(projections, name="bare")
    fields = dock.sections.beam.form
    with qtbot.waitSignal(fields.imported.measured, timeout=PATIENCE_MS):
        fields.imported.read(table)
    assert "spacing of the slices is not known" in dock.document.judge()[1]


def test_the_calculator_fills_in_the_fields(opened, qtbot):
    fields = opened.sections.beam.form
    fields.optics.click()
    (dialog,) = fields.findChildren(OpticsDialog)
    assert (field_of(dialog, "slice_spacing").value(), field_of(dialog, "pixel").value()) == (2, 2)
    set_field(dialog, "kind", "bessel")
    set_field(dialog, "tilt", 10)
    expected = bessel_focus(0.4, 0.94, inner_ratio=0.9, tilt=10).optics((2, 2, 2))
    dialog.accept()
    acquisition = opened.document.acquisition
    assert acquisition.beam == "bessel"
    assert (acquisition.width, acquisition.tilt) == (expected["width"], expected["tilt"])


def test_the_calculator_says_what_cannot_be(opened):
    dialog = OpticsDialog(opened, (2, 2, 2))
    set_field(dialog, "na", 1.5)
    assert "numerical aperture is 1.5" in dialog.result_label.text()
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()


def test_the_beam_is_shown_at_scale(opened, viewer, projections):
    viewer.add_image(projections, name="other side")
    opened.document.use({"acquisition": {**BENT, "views": 2}, "method": {"diffusion": "off"}})
    set_field(opened, VIEWS, APART)
    for _ in range(2):  # the second time in place of the first
        opened.sections.beam.form.preview.click()
        layers = [layer for layer in viewer.layers if layer.name.startswith("beam")]
        assert [layer.name for layer in layers] == ["beam", "beam, mirrored"]
    np.testing.assert_allclose(layers[0].scale, (2, 2, 2))
    # It is no stack of projections.
    assert layers[0] not in opened.sections.projections.chooser.layers


def test_the_mirrored_view_in_a_layer_of_its_own(opened, viewer, projections, finish):
    set_field(opened, "acquisition.tilt", 0.5)
    set_field(opened, VIEWS, STACKED)
    assert "even number" in opened.document.judge()[1]
    set_field(opened, VIEWS, APART)
    assert "no mirrored view" in opened.document.judge()[1]
    viewer.add_image(projections[:, :, ::-1].copy(), name="other side")
    assert opened.document.second_view.name == "other side"
    opened.runs.start()
    finish(opened)
    result = opened.runs.last.result
    assert result.volume.shape == (SHAPE[0] * N, *SHAPE[1:])
    assert result.provenance["acquisition"]["views"] == 2


def test_both_views_in_one_stack(dock, tmp_path, finish):
    acquisition = Acquisition(step_length=N, tilt=0.5, views=2)
    truth = np.random.default_rng(0).random((5 * N, 32, 32), dtype=np.float32)
    path = tmp_path / "both.tif"
    both = simulate_projections(truth, acquisition)
    known = {"optics": {"tilt": 0.5, "views": 2}}
    write_image(path, both, scale=(8, 2, 2), step_length=N, beam="uniform", description=known)
    dock.runs.open_file(str(path))
    finish(dock)
    section = dock.sections.beam
    assert field_of(dock, VIEWS).currentData() == STACKED
    assert dock.document.acquisition == acquisition
    assert f"→ {5 * N} slices" in section.output
    dock.sections.truth.refresh()
    set_field(dock, "method.prior", "off")
    dock.runs.start()
    finish(dock)
    assert dock.runs.last.result.volume.shape == truth.shape


def test_simulated_projections_keep_their_beam(viewer, qtbot, tmp_path):
    _, dock = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Simulate projections")
    viewer.add_image(np.random.default_rng(0).random((24, 16, 16), dtype=np.float32), name="scan")
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "acquisition.beam", "airy")
    set_field(dock, "acquisition.bend", 0.25)
    set_field(dock, VIEWS, STACKED)
    dock.start()
    qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE_MS)
    layer = viewer.layers["scan projections n4"]
    assert layer.data.shape == (12, 16, 16)
    viewer.layers.selection = {layer}
    path = tmp_path / "p.ome.tif"
    layer.save(str(path), plugin="napari-microdiffusion")
    _, other = viewer.window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
    viewer.layers.clear()
    viewer.open(str(path), plugin="napari-microdiffusion")
    expected = Acquisition(step_length=N, beam="airy", bend=0.25, views=2)
    assert other.document.acquisition == expected


def test_the_next_start_has_the_beam_of_the_last_run(opened, make_napari_viewer, finish):
    opened.document.use(
        {"acquisition": BENT, "method": {"guide": "nearest", "diffusion": "off", "consistency": "none"}}
    )
    opened.runs.start()
    finish(opened)
    window = make_napari_viewer().window
    _, again = window.add_plugin_dock_widget("napari-microdiffusion", "Reconstruct volume")
    assert again.document.acquisition == Acquisition(**BENT)
