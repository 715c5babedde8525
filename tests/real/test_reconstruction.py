"""The main job on a real volume, from file to file, with the prior that is shipped."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_microdiffusion.cli import app

pytestmark = pytest.mark.real


def microdiffusion(*words: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_vessels_come_out_better_than_from_the_best_classical_guide(data_dir: Path, tmp_path: Path) -> None:
    projections = data_dir / "vessel_lsfm_ve100_projections_n6.tif"
    truth = data_dir / "vessel_lsfm_ve100.ome.tif"
    scores = {}
    # The best classical guide alone, the prior on top of it, and the settings a person gets who chooses none.
    methods = {
        "off": ("--guide", "histospline", "--diffusion", "off"),
        "slab": ("--guide", "histospline", "--diffusion", "slab"),
        "default": (),
    }
    for name, words in methods.items():
        volume = tmp_path / f"{name}.ome.tif"
        found = microdiffusion("reconstruct", projections, "-n", 6, "-o", volume, *words)
        assert found["shape"] == [96, 100, 100]
        assert found["reprojection_max"] <= 1e-4
        scores[name] = microdiffusion("compare", volume, truth)
    # What the histospline is known to reach on this volume.
    assert scores["off"]["psnr"] == pytest.approx(32.13, abs=0.05)
    assert scores["off"]["null_space_r2"] == pytest.approx(0.357, abs=0.005)
    for name, more_psnr, more_r2 in (("slab", 0.5, 0.05), ("default", 1.0, 0.1)):
        assert scores[name]["psnr"] > scores["off"]["psnr"] + more_psnr
        assert scores[name]["null_space_r2"] > scores["off"]["null_space_r2"] + more_r2
