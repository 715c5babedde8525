"""`train --closed-form`: a prior adapted in seconds."""

import json

import pytest
import torch
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.io import write_image
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.training.adaptation import looks


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(looks, "_SPECIMEN", (24, 24, 24))
    monkeypatch.setattr(looks, "_OF_A_KIND", 1)
    torch.manual_seed(2)
    sizes = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}
    Prior(new_denoiser(sizes).eval(), {}).save("before.safetensors")
    write_image("scan.tif", make_specimen("nuclei", (24, 32, 64), 3))
    return lambda *words: CliRunner().invoke(
        app, ["train", "-o", "after.safetensors", "--init", "before.safetensors", "--closed-form", *words]
    )


def test_it_writes_a_prior_and_says_what_it_gained(run):
    result = run("--reference", "scan.tif", "-n", "6", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["gain_db"] > 0.1
    assert Prior.load("after.safetensors").card["adapted_in_closed_form"]["references"] == 1


def test_it_needs_a_reference(run):
    result = run()
    assert result.exit_code == 2
    assert "--closed-form needs --reference" in result.stderr
