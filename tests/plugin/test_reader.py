"""The reader and the samples."""

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.io import write_image
from napari_microdiffusion.stacks import sample_data
from napari_microdiffusion.stacks.metadata import METADATA_KEY
from napari_microdiffusion.stacks.placement import Placement
from napari_microdiffusion.stacks.reader import get_reader, read_layers

from .conftest import N


def test_projections_become_a_layer_with_scale_units_and_labels(projections_file, projections):
    ((data, look, kind),) = get_reader(str(projections_file))(str(projections_file))
    assert kind == "image"
    np.testing.assert_array_equal(data, projections)
    assert look["name"] == "bar"
    assert look["scale"] == (8.0, 2.0, 2.0)
    assert look["units"] == ("um", "um", "um")
    assert look["axis_labels"] == ("z", "y", "x")
    # The first slab's centre lies one and a half slices of 2 um above the first slice's.
    assert look["translate"] == (3.0, 0.0, 0.0)
    known = look["metadata"][METADATA_KEY]
    assert (known["role"], known["step_length"], known["path"]) == ("projections", N, str(projections_file))


def test_a_plain_stack_is_read_without_inventing_a_scale(tmp_path):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6), photometric="minisblack")
    ((data, look, _),) = read_layers(path)
    assert data.dtype == np.uint16
    assert look["units"] == ("pixel", "pixel", "pixel")
    assert look["metadata"][METADATA_KEY]["step_length"] is None


@pytest.mark.parametrize("role", ["volume", "uncertainty", None])
def test_one_bright_pixel_does_not_darken_a_file(tmp_path, rng, role):
    data = rng.uniform(0, 100, (6, 40, 40)).astype(np.float32)
    data[3, 20, 20] = 1e6
    description = {"quantity": role} if role else {}
    write_image(tmp_path / "a.ome.tif", data, description=description)
    ((_, look, _),) = read_layers(tmp_path / "a.ome.tif")
    low, high = look["contrast_limits"]
    assert -1 < low < 2
    assert 95 < high < 101
    # An uncertainty keeps its colours.
    assert look.get("colormap") == ("inferno" if role == "uncertainty" else None)


def test_nan_and_flat_files_open(tmp_path):
    for name, value in (("nan.tif", np.nan), ("flat.tif", 7.0)):
        data = np.full((4, 8, 8), value, np.float32)
        write_image(tmp_path / name, data)
        ((_, look, _),) = read_layers(tmp_path / name)
        assert np.all(np.isfinite(look.get("contrast_limits", (0, 1))))


def test_channels_become_layers_and_time_stays_an_axis(tmp_path):
    path = tmp_path / "hyper.tif"
    data = np.arange(2 * 3 * 2 * 4 * 5, dtype=np.uint16).reshape(2, 3, 2, 4, 5)
    metadata = {"axes": "TZCYX", "spacing": 3.0, "unit": "um"}
    tifffile.imwrite(path, data, imagej=True, resolution=(2, 2), metadata=metadata)
    layers = read_layers(path)
    assert len(layers) == 2
    for channel, (values, look, _) in enumerate(layers):
        np.testing.assert_array_equal(values, data[:, :, channel])
        assert look["axis_labels"] == ("t", "z", "y", "x")
        assert look["scale"] == (1.0, 3.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("rgb.tif", (8, 9, 3), {"photometric": "rgb"}),
        ("single.tif", (8, 9), {"photometric": "minisblack"}),
    ],
)
def test_what_is_no_stack_is_left_to_others(tmp_path, name, shape, options):
    path = tmp_path / name
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **options)
    assert get_reader(str(path)) is None


def test_other_files_are_left_to_others(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    fake = tmp_path / "fake.tif"
    fake.write_text("no image either")
    assert get_reader(str(text)) is None
    assert get_reader(str(fake)) is None
    assert get_reader([str(text), str(fake)]) is None


def test_asking_for_the_reader_reads_no_pixels(projections_file, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("pixels were read")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    assert get_reader(str(projections_file)) is read_layers


@pytest.mark.parametrize("kind", ["vasculature", "dendrites", "neurons"])
def test_samples_open_with_truth_and_projections_in_the_same_place(viewer, kind):
    viewer.open_sample("napari-microdiffusion", kind)
    truth, projections = viewer.layers
    n = sample_data.SAMPLE_STEP_LENGTH
    assert truth.data.shape == sample_data.SAMPLE_SHAPE
    assert projections.data.shape[0] * n == truth.data.shape[0]
    assert Placement.of_layer(projections).of_volume(n) == Placement.of_layer(truth)
    for layer in viewer.layers:
        assert layer.axis_labels == ("z", "y", "x")
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3

    # Both cover the same depth, from the first slice's upper face to the last slice's lower one.
    def faces(layer):
        first, step, count = layer.translate[0], layer.scale[0], len(layer.data)
        return first - step / 2, first + (count - 0.5) * step

    assert faces(truth) == pytest.approx(faces(projections))
