"""Where projections, volumes and truth come to lie, whatever their files and layers record."""

import numpy as np
import pytest

from napari_microdiffusion.interpolation import histospline
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.placement import Placement
from napari_microdiffusion.stacks.reader import read_layers
from napari_microdiffusion.stacks.writer import write_layers

from .conftest import PATIENCE_MS, SHAPE, N, dock_in, set_field

pytestmark = pytest.mark.windowless

UM = ("um", "um", "um")
SLICES = SHAPE[0] * N


def quick(dock) -> None:
    """The settings of a quick run."""
    set_field(dock, "method.prior", "off")
    set_field(dock, "method.guide", "histospline")


@pytest.fixture
def reconstructed(dock, finish):
    """Reconstructs at the step length N whatever is chosen; gives the volume's layer."""

    def run():
        set_field(dock, "acquisition.step_length", N)
        quick(dock)
        dock.runs.start()
        finish(dock)
        assert dock.outcome.error.isHidden(), dock.outcome.error.text()
        return dock.viewer.layers[-1]

    return run


@pytest.mark.parametrize("scale", [None, (8.0, 2.0, 2.0)])
def test_projections_and_a_truth_of_their_own_files_lie_together(
    dock, projections, reconstructed, finish, tmp_path, scale
):
    voxel = None if scale is None else (2.0, 2.0, 2.0)
    write_image(tmp_path / "plain.tif", projections, scale=scale)
    write_image(tmp_path / "truth.tif", histospline(projections, N), scale=voxel)
    for name in ("truth.tif", "plain.tif"):
        ((data, look, _),) = read_layers(tmp_path / name)
        dock.viewer.add_image(data, **look)
    truth, plain = dock.viewer.layers
    dock.sections.projections.select(plain)
    set_field(dock, "acquisition.step_length", N)
    set_field(dock, "ground truth", "truth")
    volume = reconstructed()
    assert Placement.of_layer(volume).lies_like(Placement.of_layer(truth))
    assert volume.translate[0] == 0
    # The projections lie at the centres of their slabs.
    assert plain.translate[0] == pytest.approx((N - 1) / 2 * volume.scale[0])
    assert plain.scale[0] == N * volume.scale[0]
    # Saved, it opens where it lay.
    dock.runs.save_to(tmp_path / "saved volume.ome.tif")
    finish(dock)
    ((data, look, _),) = read_layers(tmp_path / "saved volume.ome.tif")
    assert look["translate"] == tuple(volume.translate)
    assert look["scale"] == tuple(volume.scale)


def test_another_step_length_moves_the_slabs_not_the_volume(dock, projections, reconstructed):
    layer = dock.viewer.add_image(projections, name="bar", scale=(8.0, 2.0, 2.0), units=UM)
    dock.sections.projections.refresh()
    assert reconstructed().translate[0] == 0
    assert layer.translate[0] == 3.0
    set_field(dock, "acquisition.step_length", 2)
    dock.runs.show_beam()
    assert layer.translate[0] == 2.0
    assert dock.document.projections.volume_placement(2).translate[0] == 0


def test_where_a_person_or_a_file_has_put_projections_they_stay(
    dock, projections, reconstructed, tmp_path, finish
):
    layer = dock.viewer.add_image(projections, scale=(8.0, 2.0, 2.0), translate=(100, 5, 6), units=UM)
    dock.sections.projections.refresh()
    volume = reconstructed()
    assert tuple(layer.translate) == (100, 5, 6)
    assert tuple(volume.translate) == (97, 5, 6)
    dock.runs.save_to(tmp_path / "v.ome.tif")
    finish(dock)
    assert read_image(tmp_path / "v.ome.tif").origin == pytest.approx((97, 5, 6))
    write_image(tmp_path / "p.tif", projections, scale=(8.0, 2.0, 2.0), origin=(0, 0, 0), step_length=N)
    ((data, look, _),) = read_layers(tmp_path / "p.tif")
    assert look["translate"] == (0, 0, 0)
    dock.sections.projections.select(dock.viewer.add_image(data, **look))
    assert dock.document.projections.volume_placement(N).translate[0] == -3.0


def test_a_truth_that_lay_elsewhere_is_moved_and_that_is_told(dock, projections, finish):
    dock.viewer.add_image(projections, name="bar", scale=(8.0, 2.0, 2.0), units=UM)
    dock.sections.projections.refresh()
    set_field(dock, "acquisition.step_length", N)
    data = histospline(projections, N)
    truth = dock.viewer.add_image(data, name="truth", scale=(2, 2, 2), translate=(50, 0, 0), units=UM)
    other = dock.viewer.add_image(data, name="other", scale=(1, 2, 2), translate=(50, 0, 0), units=UM)
    set_field(dock, "ground truth", "truth")
    assert tuple(truth.translate) == (0, 0, 0)
    assert "Moved from z = 50 µm to z = 0 µm" in dock.sections.truth._about.text()
    set_field(dock, "ground truth", "other")
    assert tuple(other.translate) == (50, 0, 0)
    assert "Its voxels are 1 × 2 × 2 µm, the volume's 2 × 2 × 2 µm" in dock.sections.truth._about.text()


@pytest.mark.parametrize("first", [0, 3])
def test_of_a_longer_truth_the_slices_that_the_projections_are_of_are_taken(dock, qtbot, first):
    tissue = 100 + 900 * make_specimen("vasculature", (SLICES + 7, 32, 32), 2)
    projections = simulate_projections(tissue[first : first + SLICES], Acquisition(step_length=N))
    dock.viewer.add_image(projections, name="bar", scale=(8.0, 2.0, 2.0), units=UM)
    dock.sections.projections.refresh()
    set_field(dock, "acquisition.step_length", N)
    dock.viewer.add_image(tissue, name="truth", scale=(2, 2, 2), units=UM)
    set_field(dock, "ground truth", "truth")
    about = dock.sections.truth._about
    qtbot.waitUntil(lambda: "match the projections best" in about.text(), timeout=PATIENCE_MS)
    truth = dock.document.truth
    assert truth.name == ("truth from slice 4" if first else "truth")
    np.testing.assert_array_equal(truth.data[:SLICES], tissue[first : first + SLICES])
    assert ("slices 4 to 23" if first else "first 20 slices") in about.text()
    assert Placement.of_layer(truth).lies_like(dock.document.projections.volume_placement(N))


def test_the_volume_of_turned_projections_is_turned_with_them(
    dock, projections, reconstructed, tmp_path, finish
):
    look = {"rotate": (0, 0, 30), "shear": (0, 0, 0.1), "affine": np.diag([1, 1, 2, 1.0])}
    layer = dock.viewer.add_image(projections, scale=(8.0, 2.0, 2.0), translate=(1, 2, 3), units=UM, **look)
    dock.sections.projections.refresh()
    volume = reconstructed()
    # The centre of a slab is that of its slices, as is every pixel of it.
    np.testing.assert_allclose(volume.data_to_world((1.5, 7, 9)), layer.data_to_world((0, 7, 9)))
    np.testing.assert_allclose(volume.data_to_world((9.5, 3, 4)), layer.data_to_world((2, 3, 4)))
    # A file keeps no rotation, and that is told.
    dock.runs.save_to(tmp_path / "turned.ome.tif")
    finish(dock)
    assert "opens upright" in dock.outcome.warnings.text()
    with pytest.warns(UserWarning, match="is not kept in the file"):
        write_layers(str(tmp_path / "again.ome.tif"), [volume.as_layer_data_tuple()])


def test_what_is_compared_by_slices_is_shown_so_and_given_back(viewer, qtbot, projections):
    data = histospline(projections, N)
    viewer.add_image(data, name="truth", scale=(2, 2, 2), units=UM)
    viewer.add_image(data, name="volume", scale=(2, 2, 2), translate=(-5, 0, 0), units=UM)
    dock = dock_in(viewer, qtbot, "Compare with ground truth")
    truth, volume = (layer for layer in viewer.layers)
    dock.choose(truth, [volume])
    dock.start()
    qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=60_000)
    dock._look("overlay")
    assert tuple(volume.translate) == tuple(truth.translate)
    dock._look("")
    assert tuple(volume.translate) == (-5, 0, 0)


def test_another_layer_does_not_take_the_step_length_typed_for_the_last(dock, projections):
    first, second = (dock.viewer.add_image(projections, name=name) for name in ("first", "second"))
    dock.sections.projections.select(first)
    set_field(dock, "acquisition.step_length", 9)
    dock.sections.projections.select(second)
    assert dock.document.acquisition.step_length == 6
    assert dock.document.step_length_source() == "not in the file: check it"
