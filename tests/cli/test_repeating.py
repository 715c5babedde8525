"""Same input, settings, seed, device and threads: same bytes, also when a record is all that is left."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.diffusion.prior import Prior, new_denoiser
from napari_microdiffusion.io import read_image, write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

N = 4
PROJECTIONS = simulate_projections(
    1000 * make_specimen("vasculature", (4 * N, 24, 28), 3), Acquisition(step_length=N)
)
QUICK = ("--steps", 2, "--samples", 2, "--device", "cpu", "--threads", 1, "--seed", 5)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working folder, with two time points of projections and a small prior."""
    monkeypatch.chdir(tmp_path)
    series = np.stack([PROJECTIONS, 2 * PROJECTIONS]).astype(np.float32)
    write_image("series.tif", series, axes="tzyx", scale=(8, 0.5, 0.5))
    torch.manual_seed(1)
    denoiser = new_denoiser({"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1})
    torch.nn.init.normal_(denoiser.network.head.weight, 0, 0.05)
    Prior(denoiser.eval(), {}).save("tiny.safetensors")
    return tmp_path


@pytest.fixture
def run(folder) -> Callable:
    def invoke(*words: object) -> None:
        result = CliRunner().invoke(app, ["reconstruct", *map(str, words)])
        assert result.exit_code == 0, result.stderr

    return invoke


def digest(path: str) -> str:
    """Of a file, or of every file of a folder with its name."""
    if Path(path).is_dir():
        files = sorted(file for file in Path(path).rglob("*") if file.is_file())
        content = b"".join(str(f.relative_to(path)).encode() + f.read_bytes() for f in files)
    else:
        content = Path(path).read_bytes()
    return hashlib.sha256(content).hexdigest()


def lasting(path: str, *but: str) -> dict:
    """A provenance without the times that a run took and the names it wrote to."""
    content = json.loads(Path(path).read_text())
    return {key: value for key, value in content.items() if key not in {"seconds", "outputs", "output", *but}}


@pytest.mark.parametrize("ending", [".tif", ".ome.tif", ".ome.zarr"])
def test_the_same_run_gives_the_same_bytes(run, ending):
    for place in ("one", "two"):
        Path(place).mkdir()
        given = ("series.tif", "--time", 1, "-n", N, "--prior", "tiny.safetensors", *QUICK)
        run(*given, "-o", f"{place}/v{ending}", "--uncertainty", f"{place}/u{ending}")
    for name in (f"v{ending}", f"u{ending}"):
        assert digest(f"one/{name}") == digest(f"two/{name}")
    assert lasting("one/v.provenance.json") == lasting("two/v.provenance.json")


@pytest.mark.parametrize("guide", ["logspline", "inr"])
def test_a_run_is_repeated_to_the_byte_from_its_provenance_alone(run, guide):
    first = ("series.tif", "--time", 1, "-n", N, "--prior", "tiny.safetensors", "--guide", guide)
    run(*first, "--photon-gain", 0.1234567890123, "-o", "v.tif", "--uncertainty", "v_uncertainty.tif", *QUICK)
    run("-o", "w.tif", "--uncertainty", "w_uncertainty.tif", "--config", "v.provenance.json")
    assert digest("v.tif") == digest("w.tif")
    assert digest("v_uncertainty.tif") == digest("w_uncertainty.tif")
    assert lasting("v.provenance.json", "origins") == lasting("w.provenance.json", "origins")


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr"])
def test_a_run_is_repeated_to_the_byte_from_its_result(run, ending):
    """A result tells the settings; which stack they were used on is named again."""
    first = ("-n", N, "--prior", "tiny.safetensors", *QUICK, "--uncertainty", "u.tif")
    run("series.tif", "--time", 1, "-o", f"v{ending}", *first)
    Path("v.provenance.json").unlink()
    Path("again").mkdir()
    again = ("--config", f"v{ending}", "--uncertainty", "again/u.tif")
    run("series.tif", "--time", 1, "-o", f"again/v{ending}", *again)
    assert digest(f"v{ending}") == digest(f"again/v{ending}")
    assert digest("u.tif") == digest("again/u.tif")


def test_the_digest_of_another_volume_is_another(run):
    run("series.tif", "--time", 0, "-n", N, "--guide", "linear", "--diffusion", "off", "-o", "v.ome.tif")
    before = digest("v.ome.tif")
    image = read_image("v.ome.tif")
    run("series.tif", "--time", 1, "-n", N, "--guide", "linear", "--diffusion", "off", "-o", "v.ome.tif")
    assert digest("v.ome.tif") != before
    assert not np.array_equal(read_image("v.ome.tif").data, image.data)


def test_the_provenance_says_on_how_many_threads(run):
    run("series.tif", "--time", 0, "-n", N, "--prior", "tiny.safetensors", *QUICK, "-o", "v.tif")
    assert lasting("v.provenance.json")["threads"] == 1
