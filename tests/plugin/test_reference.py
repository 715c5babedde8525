"""A reference in the dock: chosen among the layers, registered, shown, and correctable by hand."""

import numpy as np
import pytest

from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.metadata import known_of

from .conftest import set_field

pytestmark = pytest.mark.windowless

TISSUE = 100 + 1000 * make_specimen("neurons", (32, 36, 40), 3)


@pytest.fixture
def projections() -> np.ndarray:
    return simulate_projections(TISSUE[4:-4, 4:-4, 4:-4], Acquisition(step_length=4))


@pytest.fixture
def with_reference(opened, viewer):
    """The dock with projections, and a layer that lies two slices too deep."""
    viewer.add_image(TISSUE, name="scan", scale=(2, 2, 2), translate=(-8 + 4, -8, -8), units="um")
    return opened


def choose(dock, layer) -> None:
    set_field(dock, "reference", layer)


def test_a_layer_is_registered_and_shown(with_reference, viewer, finish):
    dock = with_reference
    choose(dock, "scan")
    assert dock.document.value("method.guide") == "reference"
    assert dock.sections.reference.state == "scan"
    assert dock.sections.guide.state == "from the reference"
    dock.runs.start()
    finish(dock)
    found = dock.runs.last.result.provenance["reference"]
    assert found["registration"]["match"] > 0.9
    np.testing.assert_allclose(found["registration"]["shift"], 0, atol=0.3)
    (overlay,) = [layer for layer in viewer.layers if known_of(layer).get("role") == "reference"]
    assert not overlay.visible
    assert overlay.data.shape == dock.runs.last.result.volume.shape
    assert any("it matches" in notice for notice in dock.runs.last.result.notices)
    # Also once the run is over.
    said = dock.outcome.message.text()
    assert said.startswith("Done in ") and "The reference is shifted by" in said


def test_a_place_set_by_hand_counts(with_reference, viewer):
    dock = with_reference
    choose(dock, "scan")
    dock.sections.reference.by_hand.value = True
    given = dock.document.reference_of(dock.document.projections)
    np.testing.assert_allclose(given.place.shift, (2, 0, 0), atol=1e-6)
    viewer.layers["scan"].rotate = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert dock.document.reference_of(dock.document.projections).place.angle == pytest.approx(90)


def test_without_a_layer_it_is_as_before_and_says_why_it_cannot_start(with_reference):
    dock = with_reference
    before = dock.document.fields["method.guide"].default
    choose(dock, "scan")
    choose(dock, "None")
    assert dock.document.value("method.guide") == before
    set_field(dock, "method.guide", "reference")
    assert "choose one under Reference" in dock.document.judge()[1]


def test_another_guide_leaves_it_aside(with_reference):
    dock = with_reference
    choose(dock, "scan")
    set_field(dock, "method.guide", "cubic")
    assert dock.document.reference_of(dock.document.projections) is None


def test_it_is_forgotten_with_its_layer(with_reference, viewer):
    dock = with_reference
    choose(dock, "scan")
    viewer.layers.remove("scan")
    assert dock.document.reference is None


def test_the_sample_with_activity_has_a_reference_that_matches(viewer, finish, dock):
    import napari_microdiffusion.stacks.sample_data as samples

    (scan, about, _), (frames, of_frames, _) = samples.open_activity()
    layers = [viewer.add_image(data, **meta) for data, meta in ((scan, about), (frames, of_frames))]
    assert frames.shape[0] == samples.VIDEO_SHAPE[0]
    assert layers[1].axis_labels == ("t", "z", "y", "x")
    dock.sections.refresh_layers()
    choose(dock, about["name"])
    given = dock.document.reference_of(dock.document.projections)
    assert given.voxel == (1.0, 1.0, 1.0)
    assert min(np.array(given.data.shape) - np.array(samples.VIDEO_SHAPE[1:])) > 0
