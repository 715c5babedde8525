"""Large files stay on disk when they are opened: what the docks do with such layers."""

import threading
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.io.formats.ome_zarr.pixels import ZarrPixels
from napari_microdiffusion.stacks import on_disk
from napari_microdiffusion.stacks.parts import part_marked
from napari_microdiffusion.stacks.reader import read_layers
from napari_microdiffusion.stacks.stack import array_of

from .conftest import PATIENCE_MS, N, dock_in, field_of, set_field

pytestmark = pytest.mark.windowless

# An OME-Zarr of more than 512 pixels a side has two resolutions.
SHAPE = (5, 40, 600)


@pytest.fixture(autouse=True)
def large(monkeypatch):
    monkeypatch.setattr(on_disk, "LARGE", 1)


@pytest.fixture
def stack(rng) -> np.ndarray:
    data = rng.uniform(0, 1, SHAPE).astype(np.float32)
    data[:, 10:30, 200:400] += 100
    return data


@pytest.fixture(params=["large.ome.zarr", "large.ome.tif"])
def path(request, tmp_path, stack) -> Path:
    """Projections that count as too large to be read."""
    write_image(tmp_path / request.param, stack, scale=(8.0, 2.0, 2.0), step_length=N)
    return tmp_path / request.param


@pytest.fixture
def made(dock, path, finish):
    """The dock with the result of such projections."""
    dock.runs.open_file(str(path))
    finish(dock)
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    dock.runs.start()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    return dock


def test_projections_that_stay_in_their_file_are_reconstructed(made, stack, path):
    layer = made.document.projections.layer
    assert layer.multiscale is path.name.endswith(".zarr")
    assert not isinstance(array_of(layer), np.ndarray)
    means = made.viewer.layers["large volume"].data.reshape(SHAPE[0], N, *SHAPE[1:]).mean(1)
    np.testing.assert_allclose(means, stack, atol=1e-3)


def test_a_damaged_part_is_told_when_a_run_comes_to_it(dock, finish, tmp_path, stack):
    write_image(tmp_path / "large.ome.zarr", stack, scale=(8.0, 2.0, 2.0), step_length=N)
    (chunk,) = (file for file in (tmp_path / "large.ome.zarr" / "0").rglob("0") if file.is_file())
    chunk.write_bytes(b"garbage!")
    dock.runs.open_file(str(tmp_path / "large.ome.zarr"))
    finish(dock)
    assert dock.outcome.error.isHidden()
    set_field(dock, "method.prior", "off")
    dock.runs.start()
    finish(dock)
    assert "large.ome.zarr is damaged" in dock.outcome.error.text()
    assert [layer.name for layer in dock.viewer.layers] == ["large"]


def reopened(dock, finish, path):
    """Save the result, open it alone, and give its values."""
    dock.runs.save_to(path)
    finish(dock)
    values = dock.viewer.layers["large volume"].data
    dock.viewer.layers.clear()
    dock.runs.open_file(str(path))
    finish(dock)
    return values


def test_a_saved_result_that_stays_in_its_file_has_all_its_buttons(made, finish, tmp_path, viewer, qtbot):
    values = reopened(made, finish, tmp_path / "volume.ome.zarr")
    volume = viewer.layers["volume"]
    assert volume.multiscale and made.results.volume is volume
    assert not made.outcome._buttons.isHidden()
    made.runs.save_to(tmp_path / "again.ome.tif")
    finish(made)
    assert made.outcome.error.isHidden(), made.outcome.error.text()
    np.testing.assert_array_equal(read_image(tmp_path / "again.ome.tif").data, values)
    made.runs.export()
    finish(made)
    (exported,) = tmp_path.glob("*16 bit.tif")
    whole = read_image(exported)
    factor, offset = (whole.metadata["description"][f"grey_level_{name}"] for name in ("factor", "offset"))
    np.testing.assert_allclose((whole.data - offset) / factor, values, atol=0.01)
    made.runs.save_to(tmp_path / "volume.ome.zarr")
    finish(made)
    assert "volume.ome.zarr" in made.outcome.error.text()  # what is read is not overwritten


def test_sections_of_a_volume_in_a_file_are_read_in_a_thread(
    made, finish, tmp_path, viewer, monkeypatch, qtbot
):
    values = reopened(made, finish, tmp_path / "volume.ome.zarr")
    threads, original = [], ZarrPixels.__call__

    def note(self, at):
        threads.append((threading.current_thread() is threading.main_thread(), self.shape))
        return original(self, at)

    monkeypatch.setattr(ZarrPixels, "__call__", note)
    made.along_z.open()
    sections = made.along_z.sections
    made.show()
    sections.grab()
    qtbot.waitUntil(lambda: 0 in sections._read, timeout=PATIENCE_MS)
    # Of the coarse resolution, and not in the window's thread.
    assert threads and not any(in_window for in_window, _ in threads)
    assert {shape for _, shape in threads} == {(SHAPE[0] * N, 20, 300)}
    xz, yz = sections._read[0]
    y = sections.point[1]
    np.testing.assert_allclose(xz, values[:, y : y + 2].mean(1).reshape(-1, 300, 2).mean(2), atol=1e-3)
    assert yz.shape == (SHAPE[0] * N, 20)
    sections.go_to(y=3)
    sections._read.clear()
    qtbot.waitUntil(lambda: 0 in sections._read, timeout=PATIENCE_MS)
    # Whatever else happens meanwhile to the same volume.
    sections._read.clear()
    sections._want()
    made.results.changed.emit()
    qtbot.waitUntil(lambda: 0 in sections._read, timeout=PATIENCE_MS)
    sections.grab()


def test_reference_and_truth_may_stay_in_their_files(dock, path, finish, tmp_path, rng):
    dock.runs.open_file(str(path))
    finish(dock)
    truth = rng.uniform(0, 100, (SHAPE[0] * N, *SHAPE[1:])).astype(np.float32)
    write_image(tmp_path / "scan.ome.zarr", truth, scale=(2.0, 2.0, 2.0))
    ((levels, look, _),) = read_layers(tmp_path / "scan.ome.zarr")
    scan = dock.viewer.add_image(levels, **look)
    dock.sections.reference.chooser.select(scan)
    assert dock.document.reference.data.shape == truth.shape
    dock.sections.reference.chooser.select(None)
    dock.sections.truth.chooser.select(scan)
    assert dock.document.truth is scan
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")
    dock.runs.start()
    finish(dock)
    assert dock.outcome.error.isHidden(), dock.outcome.error.text()
    assert dock.results.truth is scan
    assert "dB" in dock.outcome.message.text()


def test_volumes_that_are_too_large_to_be_compared_are_told(viewer, qtbot, tmp_path, rng, monkeypatch):
    from napari_microdiffusion.plugin.compare import volumes_section

    for name in ("truth", "volume"):
        data = rng.uniform(0, 100, (20, 40, 600)).astype(np.float32)
        write_image(tmp_path / f"{name}.ome.zarr", data, description={"quantity": "volume"})
        ((levels, look, _),) = read_layers(tmp_path / f"{name}.ome.zarr")
        viewer.add_image(levels, **look)
    compare = dock_in(viewer, qtbot, "Compare with ground truth")
    compare.choose(viewer.layers["truth"], [viewer.layers["volume"]])
    assert compare.volumes.reason() == ""
    compare.start()
    qtbot.waitUntil(lambda: not compare.runner.is_running, timeout=PATIENCE_MS)
    assert len(compare.rows) == 1
    monkeypatch.setattr(volumes_section, "MOST_VOXELS", 400_000)
    assert "“truth” lies in a file and has 0 million voxels" in compare.volumes.reason()


@pytest.mark.window
def test_what_the_window_shows_of_a_coarse_resolution_is_the_right_part(viewer, qtbot, tmp_path, stack):
    write_image(tmp_path / "large.ome.zarr", stack, scale=(8.0, 2.0, 2.0))
    ((levels, look, _),) = read_layers(tmp_path / "large.ome.zarr")
    layer = viewer.add_image(levels, **look)
    with qtbot.waitExposed(viewer.window._qt_window):
        viewer.window._qt_window.show()
    viewer.scene.camera.zoom = 0.2
    viewer.scene.camera.center = (0.0, 40.0, 600.0)
    viewer.window.screenshot(flash=False)
    assert layer.data_level == 1
    _, columns = part_marked(layer, viewer.layers, layer)
    # All of it is seen; its middle, in pixels of the full resolution.
    assert abs(columns.start - (300 - 64)) < 4
    assert columns.stop - columns.start == 128


def test_a_video_in_a_pyramid_is_a_video(viewer, qtbot, tmp_path, rng):
    frames = rng.integers(0, 100, (6, 3, 16, 600)).astype(np.uint16)
    write_image(tmp_path / "frames.ome.zarr", frames, axes="tzyx", scale=(8, 2, 2), step_length=N)
    ((levels, look, _),) = read_layers(tmp_path / "frames.ome.zarr")
    layer = viewer.add_image(levels, **look)
    assert layer.multiscale
    video = dock_in(viewer, qtbot, "Reconstruct video")
    assert video.document.projections.layer is layer
    assert video.document.frames == 6
    dock = dock_in(viewer, qtbot, "Reconstruct volume")
    found = dock.document.projections
    np.testing.assert_array_equal(np.asarray(found.data), frames[found.chosen[0]])
    assert field_of(dock, "projections").currentText() == "frames"
