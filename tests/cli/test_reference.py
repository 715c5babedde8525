"""A reference stack on the command line, in batches and in settings."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

TISSUE = 100 + 1000 * make_specimen("neurons", (32, 36, 40), 3)
TRUTH = TISSUE[4:-4, 4:-4, 4:-4]
PROJECTIONS = simulate_projections(TRUTH, Acquisition(step_length=4))
SPACING = (0.5, 0.25, 0.25)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable:
    """Run a command without diffusion in a folder with projections and a reference of coarser slices."""
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "p.tif", PROJECTIONS, scale=(2, 0.25, 0.25), step_length=4)
    coarse = TISSUE.reshape(-1, 2, *TISSUE.shape[1:]).mean(1)
    write_image(tmp_path / "reference.tif", coarse, scale=(1.0, 0.25, 0.25))
    write_image(tmp_path / "bare.tif", TISSUE)

    def invoke(command: str, *words: object):
        return CliRunner().invoke(app, [command, *map(str, words), "--diffusion", "off", "--json"])

    return invoke


def answer(result) -> dict:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def quality(path: str) -> float:
    return compare(np.asarray(read_image(path).data), TRUTH, 4)["null_space_r2"]


def test_it_is_registered_and_recorded(run):
    result = run("reconstruct", "p.tif", "--reference", "reference.tif", "-o", "v.tif")
    found = answer(result)
    assert found["guide"] == "reference"
    assert "it matches" in result.stderr
    assert "µm in z" in result.stderr
    assert quality("v.tif") > 0.75
    recorded = json.loads(Path("v.provenance.json").read_text())
    assert recorded["reference"]["voxel"] == [2, 1, 1]
    assert recorded["reference"]["read"]["file"] == "reference.tif"
    assert len(recorded["reference"]["read"]["sha256_of_file"]) == 64
    assert recorded["input"]["reference"] == "reference.tif"
    again = answer(run("reconstruct", "--config", "v.provenance.json", "-o", "again.tif"))
    assert again["reference"]["registration"] == found["reference"]["registration"]
    np.testing.assert_array_equal(read_image("again.tif").data, read_image("v.tif").data)


def test_other_settings_can_leave_an_earlier_reference_aside(run):
    answer(run("reconstruct", "p.tif", "--reference", "reference.tif", "-o", "v.tif"))
    plain = answer(
        run("reconstruct", "--config", "v.provenance.json", "--guide", "logspline", "-o", "plain.tif")
    )
    assert plain["reference"] is None


def test_voxels_of_unknown_size_are_taken_for_the_volumes_and_it_says_so(run):
    result = run("reconstruct", "p.tif", "--reference", "bare.tif", "-o", "v.tif")
    answer(result)
    assert "no file says otherwise" in result.stderr
    assert quality("v.tif") > 0.85


def test_every_file_of_a_batch_gets_it(run):
    found = answer(run("batch", "p.tif", "--reference", "reference.tif", "-o", "out"))
    assert quality(found["written"][0]["volume"]) > 0.75


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--guide", "reference"), 2, "name a point-scanned stack with --reference"),
        (("--reference", "reference.tif", "--guide", "cubic"), 2, "choose the guide reference"),
        (("--reference", "nowhere.tif"), 1, "nowhere.tif"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(run, words, code, message):
    result = run("reconstruct", "p.tif", "-o", "v.tif", *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("v.tif").exists()


def test_it_is_never_overwritten(run):
    result = run("reconstruct", "p.tif", "--reference", "reference.tif", "-o", "reference.tif")
    assert result.exit_code == 1
    assert "reference.tif" in result.stderr
