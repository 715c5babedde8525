"""Settings in files: back to the last bit, and files that earlier versions wrote."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import write_image
from napari_microdiffusion.settings.document import RunSettings
from napari_microdiffusion.settings.files import read_run, record
from napari_microdiffusion.settings.resolve import Resolved, resolve

from .documents import documents

# As version 1 wrote it: no version, and a photon gain and read noise of 0 that nobody stated.
OLD_PROVENANCE = """{
  "program": {"name": "napari-microdiffusion", "version": "0.1.0"},
  "settings": {"guide": "logspline", "diffusion": "slab", "consistency": "noise", "light": "as recorded",
    "samples": 0, "steps": 10, "keep_samples": false, "prior": "general", "device": "auto",
    "seed": 4611686018427387904, "threads": null, "memory_gb": null,
    "inr": {"field": "grid", "epochs": null, "photon_gain": 0.0, "read_noise": 0.0}, "inr_file": null,
    "paper": {"epochs": 2000, "multipliers": [1, 2, 4, 4]}},
  "acquisition": {"step_length": 6, "beam": "airy", "width": 7.25, "axial_profile": null, "apex": 0.0,
    "bend": 0.1, "tilt": 0.0, "direction": 0.0, "side_lobes": 0, "lobe_spacing": null,
    "displacement": null, "views": 1, "dark_level": 100.0, "photon_gain": 0.0, "read_noise": 0.0},
  "input": {"shape": [16, 100, 100], "sha256": "00", "file": "p.tif", "name": "p"},
  "trust": 0.9,
  "outputs": {"volume": "v.ome.tif"},
  "stopped": false
}"""


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_a_provenance_of_before_opens_with_its_meaning(tmp_path):
    parts = read_run(write(tmp_path / "v.provenance.json", OLD_PROVENANCE))
    found = resolve({}, earlier=parts)
    assert found.acquisition.model_dump(exclude_defaults=True) == {
        "step_length": 6,
        "beam": "airy",
        "width": 7.25,
        "bend": 0.1,
        "dark_level": 100.0,
    }
    assert not found.acquisition.has_noise_model
    assert found.method.seed == 2**62
    assert found.document.input.path is None


@pytest.mark.parametrize(
    ("version", "noise", "stated"),
    [
        ("", {"photon_gain": 0, "read_noise": 0}, None),
        ("", {"photon_gain": 0.004, "read_noise": 0.0}, (0.004, 0)),
        ("version: 2\n", {"photon_gain": 0, "read_noise": 0}, (0, 0)),
        ("version: 2\n", {"photon_gain": 0.004}, (0.004, None)),
        ("version: 2\n", {}, None),
    ],
)
def test_noise_that_is_not_stated_and_noise_that_is_stated_as_none(tmp_path, version, noise, stated):
    table = yaml.safe_dump({"guide": "linear", "acquisition": {"step_length": 4, **noise}})
    acquisition = resolve({}, earlier=read_run(write(tmp_path / "s.yaml", version + table))).acquisition
    found = (acquisition.photon_gain, acquisition.read_noise) if acquisition.has_noise_model else None
    assert found == stated


def test_a_volume_of_before_tells_its_settings(tmp_path):
    old = json.loads(OLD_PROVENANCE)
    told = {key: old[key] for key in ("program", "acquisition", "settings", "stopped")}
    write_image(tmp_path / "v.ome.tif", np.zeros((4, 8, 8), np.float32), description=told)
    parts = read_run(tmp_path / "v.ome.tif")
    assert parts["acquisition"]["bend"] == 0.1
    assert "photon_gain" not in parts["acquisition"]
    write_image(tmp_path / "p.tif", np.zeros((4, 8, 8), np.float32), step_length=4)
    with pytest.raises(UserError, match="no result of a reconstruction"):
        read_run(tmp_path / "p.tif")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("version: 3\nmethod: {}\n", "settings of version 3; this program reads those up to 2"),
        ("version: new\n", "settings of version 'new'"),
        ("method: {guide: linear}\ncolour: red\n", "'colour' is no part of the settings"),
        ("method: 4\n", "settings must be a table"),
        ("input: [1]\n", "input must be a table"),
    ],
)
def test_what_are_no_settings_is_refused(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read_run(write(tmp_path / "s.yaml", content))


SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(documents())
def test_a_document_is_the_same_after_a_file(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("files")
    for name, text in (
        ("d.json", json.dumps(record(document))),
        ("d.yaml", yaml.safe_dump(record(document))),
    ):
        assert RunSettings(**read_run(write(folder / name, text))) == document


@SLOW
@given(documents())
def test_a_document_is_the_same_after_a_provenance_and_as_earlier_settings(tmp_path_factory, document):
    program = {"program": {"name": "napari-microdiffusion"}, "seconds": {}}
    content = json.loads(json.dumps(program | Resolved(document).provenance()))
    content["input"] |= {"sha256": "00", "shape": [4, 8, 8]}
    path = write(tmp_path_factory.mktemp("files") / "v.provenance.json", json.dumps(content))
    parts = read_run(path)
    assert RunSettings(**parts) == document
    assert resolve({"output": parts["output"]}, earlier=parts).document == document


def test_the_origins_are_recorded_where_they_are_no_defaults():
    resolved = resolve({"acquisition": {"step_length": 4, "width": 3.456}})
    assert resolved.provenance()["origins"] == {
        "acquisition.step_length": "asked",
        "acquisition.width": "asked",
    }


def test_a_result_does_not_tell_the_threads_that_a_batch_gave_its_worker():
    from napari_microdiffusion.settings.files import short_record

    records = [
        short_record({"version": 2, "settings": {"seed": 3, "threads": threads}, "threads": threads})
        for threads in (None, 1)
    ]
    assert records[0] == records[1] == {"version": 2, "settings": {"seed": 3}}
