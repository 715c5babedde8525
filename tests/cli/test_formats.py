"""Every command that reads images takes every format, and chooses channel and time in it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_microdiffusion as md
from napari_microdiffusion.cli import app
from napari_microdiffusion.io import read_image

from ..io.golden import interleaved, write_bruker, write_lsm, write_ngff, write_scanimage

TRUTH = np.random.default_rng(3).integers(10, 4000, (6, 12, 14)).astype("uint16")
OTHER = TRUTH[::-1] // 2
BOTH = np.stack([OTHER, TRUTH])
SETTINGS = {
    "hChannels.channelSave": [1, 2],
    "hStackManager.enable": True,
    "hStackManager.actualNumSlices": 6,
    "hStackManager.framesPerSlice": 2,
    "hStackManager.stackZStepSize": 3,
    "hRoiManager.imagingFovUm": [[-7, -6], [7, -6], [7, 6], [-7, 6]],
}


def scanimage(folder: Path) -> list[object]:
    frames = np.stack([BOTH.swapaxes(0, 1) - 1, BOTH.swapaxes(0, 1) + 1], axis=1)[None].astype("int16")
    write_scanimage(folder / "si.tif", interleaved(frames), SETTINGS)
    return [folder / "si.tif", "--channel", 1, "--average-frames"]


def bruker(folder: Path) -> list[object]:
    return [write_bruker(folder, BOTH, "first")[3], "--channel", "Ch2"]


def lsm(folder: Path) -> list[object]:
    write_lsm(folder / "a.lsm", TRUTH, (3.0, 1.0, 1.0))
    return [folder / "a.lsm"]


def zarr(folder: Path) -> list[object]:
    write_ngff(folder / "a.ome.zarr", BOTH[::-1, None], "tczyx", (1, 1, 3, 1, 1))
    return [folder / "a.ome.zarr", "--time", 0]


AS_MEASURED = ("--guide", "nearest", "--diffusion", "off", "--consistency", "nonnegative")


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable[..., dict]:
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object) -> dict:
        result = CliRunner().invoke(app, [str(word) for word in (*words, "--json")])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return invoke


@pytest.mark.parametrize("make", [scanimage, bruker, lsm, zarr])
def test_every_command_reads_it(tmp_path, run, make):
    file, *choice = make(tmp_path)
    found = run("info", file)
    assert (found["kind"], found["unit"], found["scale"][0]) == ("image", "um", 3.0)
    run("simulate", file, "-n", 2, "-o", "p.ome.tif", *choice)
    np.testing.assert_allclose(read_image("p.ome.tif").data, TRUTH.reshape(3, 2, 12, 14).mean(axis=1))
    made = run("reconstruct", file, "-n", 2, "-o", "v.ome.zarr", *AS_MEASURED, *choice)
    assert made["shape"] == [12, 12, 14]
    volume = read_image("v.ome.zarr")
    np.testing.assert_allclose(volume.data, np.repeat(TRUTH, 2, axis=0), rtol=1e-5)
    assert volume.scale[0] == 1.5
    assert volume.metadata["description"]["acquisition"]["step_length"] == 2
    assert Path("v.provenance.json").is_file()
    run("simulate", file, "-n", 2, "-o", "t.ome.zarr", *choice)
    run("reconstruct", "t.ome.zarr", "-o", "r.ome.zarr", *AS_MEASURED)
    compared = run("compare", "r.ome.zarr", file, *choice)
    assert compared["slices"] == 6
    assert compared["reprojection_max"] < 1e-3


def test_one_of_several_images_is_chosen_by_its_position(tmp_path, run):
    with tifffile.TiffWriter(tmp_path / "several.ome.tif", ome=True) as file:
        for stack, name in ((OTHER, "left"), (TRUTH, "right")):
            file.write(stack, photometric="minisblack", metadata={"axes": "ZYX", "Name": name})
    words = ("reconstruct", "several.ome.tif", "-n", 2, *AS_MEASURED)
    refused = CliRunner().invoke(app, [*map(str, words), "-o", "v.ome.tif"])
    assert refused.exit_code == 1
    assert "0 (left), 1 (right)" in refused.stderr
    for position in (1, "right"):
        run(*words, "-o", "v.ome.tif", "--position", position)
        np.testing.assert_allclose(read_image("v.ome.tif").data, np.repeat(TRUTH, 2, axis=0), rtol=1e-5)
        read = json.loads(Path("v.provenance.json").read_text())["input"]
        assert read["position"] == str(position)
        assert read["read"]["position"] == {"index": 1, "name": "right"}
    run("batch", "several.ome.tif", "-n", 2, "-o", "out", *AS_MEASURED, "--position", 0)
    np.testing.assert_allclose(
        read_image("out/several_volume.ome.tif").data, np.repeat(OTHER, 2, axis=0), rtol=1e-5
    )
    run("simulate", "several.ome.tif", "-n", 2, "-o", "p.tif", "--position", 1)
    np.testing.assert_allclose(read_image("p.tif").data, TRUTH.reshape(3, 2, 12, 14).mean(axis=1))
    assert run("info", "several.ome.tif", "--position", 1)["position"] == 1
    assert md.read("several.ome.tif", position="right").data.shape == TRUTH.shape


def test_a_stopped_zarr_has_its_own_name():
    from napari_microdiffusion.reconstruction.outputs import Outputs

    names = Outputs(Path("v.ome.zarr"), Path("u.zarr")).stopped()
    assert (names.volume.name, names.uncertainty.name) == ("v.stopped.ome.zarr", "u.stopped.zarr")


def test_the_version_of_ome_zarr_is_asked_for_and_repeated(tmp_path, run):
    file, *choice = scanimage(tmp_path)
    stack, quick = (file, *choice), ("-n", 2, *AS_MEASURED)
    run("reconstruct", *stack, *quick, "-o", "v.ome.zarr", "--zarr", "0.5-sharded")
    assert header_of("v.ome.zarr")["ome"]["version"] == "0.5"
    beside = json.loads(Path("v.provenance.json").read_text())
    assert (beside["output"]["zarr"], beside["origins"]["output.zarr"]) == ("0.5-sharded", "asked")
    run("reconstruct", "-o", "again.ome.zarr", "--config", "v.provenance.json")
    run("batch", *stack, *quick, "-o", "out", "--ending", ".ome.zarr", "--zarr", "0.5-sharded")
    for other in ("again.ome.zarr", *map(str, Path("out").glob("*.zarr"))):
        assert pixels_of(other) == pixels_of("v.ome.zarr")
    run("reconstruct", "-o", "older.ome.zarr", "--config", "v.provenance.json", "--zarr", "0.4")
    assert read_image("older.ome.zarr").metadata["format"] == "OME-Zarr 0.4"


def test_time_points_together_are_of_the_version_asked_for(tmp_path, run):
    write_ngff(tmp_path / "a.ome.zarr", BOTH[:, None], "tczyx", (1, 1, 3, 1, 1))
    words = ("a.ome.zarr", "-n", 2, *AS_MEASURED, "--time", "all")
    run("reconstruct", *words, "-o", "v.ome.zarr", "--zarr", "0.5")
    assert header_of("v.ome.zarr")["ome"]["version"] == "0.5"
    assert read_image("v.ome.zarr").axes == "tzyx"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "v.ome.tif", "--zarr", "0.5"), "--zarr is for images that end in .ome.zarr"),
        (("-o", "v.ome.zarr", "--zarr", "0.6"), "'0.6' is not one of '0.4', '0.5', '0.5-sharded'"),
    ],
)
def test_a_version_that_would_not_be_written_is_refused(tmp_path, run, words, message):
    file, *choice = scanimage(tmp_path)
    result = CliRunner().invoke(app, [*map(str, ("reconstruct", file, *choice, "-n", 2)), *words])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not Path("v.ome.zarr").exists()


def header_of(folder: str) -> dict:
    return json.loads((Path(folder) / "zarr.json").read_text())["attributes"]


def pixels_of(folder: str) -> list[tuple[str, bytes]]:
    """The arrays as they lie on disk: with their names, headers and shards."""
    files = sorted(file for file in (Path(folder) / "0").rglob("*") if file.is_file())
    return [(str(file.relative_to(folder)), file.read_bytes()) for file in files]


def test_an_existing_zarr_that_is_read_is_not_overwritten(tmp_path, run):
    file, *_ = zarr(tmp_path)
    result = CliRunner().invoke(app, ["reconstruct", str(file), "-n", "2", "-o", str(file), "--time", "0"])
    assert result.exit_code == 1
    assert "would be overwritten" in result.stderr
