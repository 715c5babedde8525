"""What a run leaves in files, and running it again from them."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError, UserError
from napari_microdiffusion.io import ImageStack, read_image
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.outputs import Outputs
from napari_microdiffusion.reconstruction.provenance import digest
from napari_microdiffusion.settings.files import read_settings
from napari_microdiffusion.settings.resolve import check_asked, make_acquisition


@pytest.fixture
def source(measurement) -> ImageStack:
    return ImageStack(measurement.projections, scale=(8.0, 0.5, 0.4), name="projections")


def test_files_hold_what_the_result_has(measurement, configure, record, source, tmp_path):
    result = record(measurement, configure()).result
    outputs = Outputs(tmp_path / "volume.ome.tif", tmp_path / "uncertainty.tif")
    written = outputs.write(result, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "uncertainty.tif",
        "volume.ome.tif",
        "volume.provenance.json",
    ]
    assert written == {
        "volume": str(tmp_path / "volume.ome.tif"),
        "uncertainty": str(tmp_path / "uncertainty.tif"),
        "provenance": str(tmp_path / "volume.provenance.json"),
    }
    for name, array in (("volume", result.volume), ("uncertainty", result.uncertainty)):
        image = read_image(written[name])
        np.testing.assert_array_equal(image.data, array)
        # N slabs 8 um apart of four slices each: slices 2 um apart.
        np.testing.assert_allclose(image.scale, (2.0, 0.5, 0.4))
        assert image.unit == "um"
        assert image.step_length is None
        assert image.metadata["description"]["quantity"] == name
        assert image.metadata["description"]["acquisition"]["step_length"] == 4


@pytest.mark.parametrize("step_length", [None, 4, 5])
def test_without_an_origin_the_volume_begins_at_zero_whatever_the_file_says_of_n(
    measurement, configure, record, source, tmp_path, step_length
):
    result = record(measurement, configure(diffusion="off", samples=0)).result
    Outputs(tmp_path / "v.tif").write(result, replace(source, step_length=step_length))
    assert read_image(tmp_path / "v.tif").origin is None


def test_slabs_at_an_origin_have_their_volume_around_it(measurement, configure, record, source, tmp_path):
    result = record(measurement, configure(diffusion="off", samples=0)).result
    Outputs(tmp_path / "v.tif").write(result, replace(source, origin=(10.0, 1.0, 2.0)))
    assert read_image(tmp_path / "v.tif").origin == pytest.approx((7.0, 1.0, 2.0))


def test_a_run_can_be_repeated_from_its_provenance(measurement, configure, record, source, tmp_path):
    first = record(measurement, configure(guide="linear", seed=9, consistency="exact")).result
    written = Outputs(tmp_path / "volume.tif").write(first, source)
    optics, settings = read_settings(written["provenance"])
    again = list(
        reconstruct(
            measurement.projections,
            make_acquisition(optics.pop("step_length"), **optics),
            check_asked({"method": settings}),
        )
    )[-1].result
    np.testing.assert_array_equal(again.volume, first.volume)
    np.testing.assert_array_equal(again.uncertainty, first.uncertainty)


def test_provenance_says_what_was_run_on_what(measurement, configure, record, source, tmp_path):
    result = record(measurement, configure(samples=0, seed=3)).result
    written = Outputs(tmp_path / "volume.tif").write(result, source)
    content = json.loads((tmp_path / "volume.provenance.json").read_text())
    assert content["settings"]["seed"] == 3
    assert content["acquisition"]["step_length"] == 4
    assert content["input"]["sha256"] == digest(measurement.projections)
    assert content["input"]["shape"] == [5, 24, 30]
    assert content["input"]["name"] == "projections"
    assert content["versions"].keys() == {"python", "numpy", "torch"}
    assert content["seconds"].keys() == result.seconds.keys()
    assert content["outputs"] == {"volume": written["volume"]}
    assert content["stopped"] is False


def test_the_digest_is_that_of_the_values(measurement):
    x = np.rint(measurement.projections)
    assert digest(x.astype(np.float32)) == digest(np.asfortranarray(x.astype(np.uint16)))
    assert digest(x) != digest(x + 1)


def test_a_stopped_run_gets_names_of_its_own(tmp_path):
    outputs = Outputs(tmp_path / "a.b.OME.tif", tmp_path / "u.tiff", tmp_path / "f.safetensors").stopped()
    assert outputs.volume.name == "a.b.stopped.OME.tif"
    assert outputs.uncertainty.name == "u.stopped.tiff"
    assert outputs.provenance.name == "a.b.stopped.provenance.json"


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (("volume.png",), "must end in"),
        (("missing/volume.tif",), "there is no folder"),
        (("volume.tif", "uncertainty.jpg"), "must end in"),
        (("volume.tif", "volume.tif"), "another output"),
        (("projections.tif",), "which is read"),
        (("volume.tif", "projections.tif"), "which is read"),
        (("volume.tif", "volume.provenance.json"), "must end in"),
        (("folder.tif",), "is a folder"),
    ],
)
def test_names_that_cannot_be_are_refused_before_the_run(tmp_path, configure, outputs, words):
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "projections.tif").touch()
    paths = [tmp_path / name for name in outputs]
    with pytest.raises(UserError, match=words):
        Outputs(*paths).check(configure(), [tmp_path / "projections.tif", None])
    assert sorted(os.listdir(tmp_path)) == ["folder.tif", "projections.tif"]


def test_outputs_that_the_settings_do_not_make_are_refused(tmp_path, configure):
    both = Outputs(tmp_path / "v.tif", tmp_path / "u.tif")
    for settings in ({"samples": 0}, {"diffusion": "off"}):
        with pytest.raises(UsageError, match="uncertainty needs"):
            both.check(configure(**settings))
    with pytest.raises(UsageError, match="no INR to save"):
        Outputs(tmp_path / "v.tif", inr=tmp_path / "f.safetensors").check(configure())
    both.check(configure())


def test_settings_by_hand_in_json_and_yaml(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "guide: linear\nsamples: 0\nacquisition: {step_length: 5, beam: bessel}\n"
    )
    (tmp_path / "s.json").write_text('{"guide": "linear", "samples": 0}')
    expected = {"guide": "linear", "samples": 0}
    assert read_settings(tmp_path / "s.yaml") == ({"step_length": 5, "beam": "bessel"}, expected)
    assert read_settings(tmp_path / "s.json") == ({}, expected)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.json", "{guide: linear", "no JSON or YAML"),
        ("s.yaml", "a: [1", "no JSON or YAML"),
        ("s.yaml", "just words", "holds no settings"),
        ("s.json", "[1, 2]", "holds no settings"),
        ("s.json", '{"settings": 3}', "settings must be a table"),
        ("s.yaml", "acquisition: 6", "acquisition must be a table"),
        ("s.yaml", "1: 2", "settings must be a table"),
        ("s.yaml", "\x00\x01", "no JSON or YAML"),
        ("s.yaml", "!!python/object/apply:os.system ['true']", "no JSON or YAML"),
    ],
)
def test_files_without_settings_are_refused(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read_settings(path)


def test_a_missing_or_huge_file_of_settings_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_settings(tmp_path / "s.json")
    (tmp_path / "s.json").write_text(" " * 1_000_001)
    with pytest.raises(UserError, match="too large"):
        read_settings(tmp_path / "s.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(tmp_path)
