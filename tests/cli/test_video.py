"""The command `video`."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

N, T = 4, 6
VOLUME = 100 + 1000 * make_specimen("neurons", (16, 24, 28), 3)
LIGHT = 1 + 0.3 * np.sin(np.arange(T))
FRAMES = np.stack([simulate_projections(VOLUME * f, Acquisition(step_length=N)) for f in LIGHT])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("frames.tif", FRAMES, axes="tzyx", scale=(4, 1, 1))
    write_image("scan.tif", VOLUME, scale=(1, 1, 1))

    def invoke(*words: object):
        return CliRunner().invoke(app, ["video", *map(str, words), "--diffusion", "off", "--json"])

    return invoke


def test_volumes_traces_and_regions_are_written(run):
    words = ("frames.tif", "-n", N, "--reference", "scan.tif", "-o", "v.ome.tif", "--rate", 10)
    result = run(*words, "--traces", "t.csv", "--save-regions", "r.tif")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    volumes = read_image("v.ome.tif")
    assert volumes.axes == "tzyx"
    assert volumes.data.shape == (T, 16, 24, 28)
    assert volumes.scale == (1, 1, 1)
    assert [volume.mean() / VOLUME.mean() for volume in volumes.data] == pytest.approx(LIGHT, rel=0.05)
    assert read_image("r.tif").data.max() == found["regions_found"]
    lines = Path("t.csv").read_text().splitlines()
    assert len(lines) == 1 + T * found["regions_found"]
    recorded = json.loads(Path("v.provenance.json").read_text())
    assert recorded["video"]["frames"] == T
    assert recorded["reference"]["registration"]["used"]
    assert not list(Path().glob(".video-*"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("frames.tif", "-n", N, "--traces", "t.xls"), 2, ".csv or .nwb"),
        (("scan.tif", "-n", N), 1, "no time axis"),
        (("frames.tif", "-n", N, "--regions", "scan.tif"), 1, "whole numbers"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(run, words, code, message):
    result = run(*words, "-o", "v.ome.tif")
    assert result.exit_code == code
    assert message in result.stderr
    assert not Path("v.ome.tif").exists()
    assert not list(Path().glob(".video-*"))
