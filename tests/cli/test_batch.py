"""The command `batch`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.io import read_image, write_image

STACK = np.random.default_rng(5).uniform(10, 100, (4, 8, 9)).astype(np.float32)
QUICK = ("--guide", "nearest", "--diffusion", "off")


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable:
    monkeypatch.chdir(tmp_path)
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / name, STACK, scale=(6, 1, 1))
    (tmp_path / "broken.tif").write_text("no image")

    def invoke(*words: object):
        return CliRunner().invoke(app, ["batch", *(str(word) for word in words)])

    return invoke


def test_good_files_are_written_and_bad_ones_named(run):
    result = run("a.tif", "broken.tif", "b.tif", "-n", 2, "-o", "out", *QUICK, "--json")
    assert result.exit_code == 1
    refused, planned = result.stderr.splitlines()
    assert refused.startswith("microdiffusion: broken.tif: broken.tif is not a TIFF image")
    assert planned.startswith("microdiffusion: 2 pieces: about")
    answer = json.loads(result.stdout)
    assert [Path(piece["volume"]).name for piece in answer["written"]] == [
        "a_volume.ome.tif",
        "b_volume.ome.tif",
    ]
    assert [piece["input"] for piece in answer["failed"]] == ["broken.tif"]
    assert read_image("out/a_volume.ome.tif").data.shape == (8, 8, 9)


def test_success_is_0_and_resuming_does_only_the_rest(run):
    assert run("a.tif", "-n", 2, "-o", "out", *QUICK, "--ending", ".ome.zarr").exit_code == 0
    before = Path("out/a_volume.provenance.json").stat().st_mtime_ns
    result = run(
        "a.tif", "b.tif", "-n", 2, "-o", "out", *QUICK, "--ending", ".ome.zarr", "--resume", "--json"
    )
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["skipped"], len(answer["written"])) == (1, 1)
    assert Path("out/a_volume.provenance.json").stat().st_mtime_ns == before


def test_resuming_does_what_is_not_whole(run):
    """As a process that was killed leaves it, or a person who cleans up."""
    from napari_microdiffusion.diffusion.prior import Prior, new_denoiser

    sizes = {"width": 8, "deep_width": 8, "blocks": 1, "deep_blocks": 1}
    Prior(new_denoiser(sizes).eval(), {}).save("tiny.safetensors")
    quick = ("--guide", "nearest", "--samples", 1, "--steps", 2, "--prior", "tiny.safetensors")
    words = ("a.tif", "-n", 2, "-o", "out", "--uncertainty", *quick)
    assert run(*words).exit_code == 0
    for missing in ("a_volume.ome.tif", "a_volume.provenance.json", "a_uncertainty.ome.tif"):
        Path("out", missing).unlink()
        Path("out", ".microdiffusion-0123456789ab.part").write_text("half of it")
        answers = [json.loads(run(*words, "--resume", "--json").stdout) for _ in range(2)]
        assert [(a["skipped"], len(a["written"])) for a in answers] == [(0, 1), (1, 0)]
        assert Path("out", missing).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.tif", "-n", 1, "-o", "out"), "-n is 1"),
        (("a.tif", "-n", 2, "-o", "out", "--ending", ".png"), "--ending is '.png'"),
        (("a.tif", "-n", 2, "-o", "out", "--zarr", "0.5"), "--zarr is for images that end in .ome.zarr"),
        (("a.tif", "-n", 2, "-o", "out", "--steps", 99), "steps is 99"),
    ],
)
def test_bad_usage_is_2_before_any_work(run, words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(Path("out").glob("*")) if Path("out").exists() else True


def test_what_was_left_aside_is_said(run):
    write_image("knows.tif", STACK, step_length=4)
    result = run("knows.tif", "-n", 2, "-o", "out", *QUICK, "--json")
    (written,) = json.loads(result.stdout)["written"]
    assert written["notes"] == ["knows records step length 4; 2 is used, as asked"]
    assert "note: knows.tif: knows records step length 4" in result.stderr


def test_settings_of_an_earlier_result_are_used(run):
    assert run("a.tif", "-n", 2, "-o", "first", *QUICK).exit_code == 0
    assert run("b.tif", "-o", "second", "--config", "first/a_volume.ome.tif").exit_code == 0
    np.testing.assert_array_equal(
        read_image("first/a_volume.ome.tif").data, read_image("second/b_volume.ome.tif").data
    )


def test_each_position_of_a_file_is_a_piece(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "both.ome.tif", ome=True) as writer:
        for name in ("left", "right"):
            about = {"axes": "ZYX", "Name": name}
            writer.write(STACK + len(name), photometric="minisblack", metadata=about)
    exactly = (*QUICK, "--consistency", "exact")
    answer = json.loads(run("both.ome.tif", "-n", 2, "-o", "out", *exactly, "--json").stdout)
    assert [piece["position"] for piece in answer["written"]] == ["0", "1"]
    assert sorted(path.name for path in Path("out").glob("*.tif")) == [
        "both_p000_volume.ome.tif",
        "both_p001_volume.ome.tif",
    ]
    for index, name in enumerate(("left", "right")):
        volume = read_image(f"out/both_p{index:03d}_volume.ome.tif").data
        np.testing.assert_allclose(volume[::2], STACK + len(name), rtol=1e-5)
    one = run("both.ome.tif", "-n", 2, "-o", "one", *QUICK, "--position", "right", "--json")
    assert [piece["position"] for piece in json.loads(one.stdout)["written"]] == ["right"]
    assert Path("one/both_volume.ome.tif").exists()


def test_each_channel_of_a_file_is_a_piece(run):
    both = np.stack([STACK, 2 * STACK])
    write_image("dyes.ome.tif", np.stack([both, 3 * both]), axes="tczyx", scale=(6, 1, 1))
    exactly = (*QUICK, "--consistency", "exact")
    answer = json.loads(run("dyes.ome.tif", "-n", 2, "-o", "out", *exactly, "--json").stdout)
    found = [(piece["channel"], piece["time"]) for piece in answer["written"]]
    assert found == [("0", 0), ("0", 1), ("1", 0), ("1", 1)]
    volume = read_image("out/dyes_c1_t0001_volume.ome.tif").data
    np.testing.assert_allclose(volume[::2], 6 * STACK, rtol=1e-5)
    one = run("dyes.ome.tif", "-n", 2, "-o", "one", *QUICK, "--channel", 1, "--time", "0:1", "--json")
    assert [(piece["channel"], piece["time"]) for piece in json.loads(one.stdout)["written"]] == [("1", 0)]
    assert Path("one/dyes_t0000_volume.ome.tif").exists()


def test_two_programs_on_one_folder_leave_one_result_of_each_file(run):
    names = [f"{k}.tif" for k in range(6)]
    for k, name in enumerate(names):
        write_image(name, STACK + k, scale=(6, 1, 1))
    words = ["batch", *names, "-n", "2", "-o", "out", *QUICK, "--consistency", "exact", "--json"]
    command = [sys.executable, "-m", "napari_microdiffusion", *words]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [(process.communicate(timeout=240), process.returncode) for process in both]
    assert [code for _, code in answers] == [0, 0], answers
    assert len(list(Path("out").iterdir())) == 2 * len(names)
    for k in range(len(names)):
        np.testing.assert_allclose(read_image(f"out/{k}_volume.ome.tif").data[::2], STACK + k, rtol=1e-5)
        beside = json.loads(Path(f"out/{k}_volume.provenance.json").read_text())
        assert beside["input"]["name"] == str(k)
