"""The command line: specimen, simulate, compare, info; help, exit codes, and the one line of an error."""

import errno
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_microdiffusion import __version__
from napari_microdiffusion.cli import app, terminal
from napari_microdiffusion.cli.options import Kind
from napari_microdiffusion.io import read_image, save_checkpoint, write_image
from napari_microdiffusion.specimens import KINDS

COMMANDS = ["specimen", "simulate", "reconstruct", "compare", "info", "train", "batch", "demo"]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable:
    """Run a command in an empty folder, as a function of its words."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


@pytest.fixture
def truth(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "truth.tif"
    write_image(path, rng.random((13, 20, 24), dtype=np.float32), scale=(2.0, 0.5, 0.5))
    return path


def answer(result) -> dict:
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from napari_microdiffusion.cli import app\n"
        "try:\n    app(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'napari', 'matplotlib', 'skimage', 'scipy', 'dask', 'zarr'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_json_and_debug(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert "--debug" in result.stdout


def test_help_of_a_setting_is_that_of_the_setting(run):
    text = " ".join(run("reconstruct", "--help").stdout.split())
    assert "Default: noise." in text
    assert "In GB." in text
    assert "none|nearest|linear|cubic|histospline|logspline|inr|reference" in text


def test_the_package_can_be_run_and_tells_its_version():
    command = [sys.executable, "-m", "napari_microdiffusion", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"microdiffusion {__version__}"


def test_specimen_writes_a_volume_with_its_scale(run):
    found = answer(run("specimen", "nuclei", "-o", "t.ome.tif", "--shape", 10, 16, 20, "--seed", 4, "--json"))
    assert found == {"output": "t.ome.tif", "shape": [10, 16, 20], "kind": "nuclei", "seed": 4}
    image = read_image("t.ome.tif")
    assert (image.data.shape, image.scale, image.unit) == ((10, 16, 20), (1, 1, 1), "um")
    assert image.metadata["description"] == {"specimen": "nuclei", "seed": 4}
    assert (
        "nuclei, 10 x 16 x 20 voxels"
        in run("specimen", "nuclei", "-o", "t.tif", "--shape", 10, 16, 20).stdout
    )


def test_the_kinds_are_those_of_the_specimens():
    assert Kind.__args__ == KINDS


def test_simulate_writes_projections_that_know_their_step_length(run, truth):
    found = answer(run("simulate", truth, "-n", 4, "-o", "p.tif", "--beam", "bessel", "--json"))
    assert found["shape"] == [3, 20, 24]
    assert (found["step_length"], found["beam"], found["slices_dropped"]) == (4, "bessel", 1)
    image = read_image("p.tif")
    assert (image.step_length, image.beam) == (4, "bessel")
    np.testing.assert_allclose(image.scale, (8, 0.5, 0.5))
    assert image.data.dtype == np.float32
    text = run("simulate", truth, "-n", 4, "-o", "q.tif").stdout
    assert "the last 1 slices fill no slab" in text


def test_simulated_noise_is_seeded(run, truth):
    def projections(name: str, seed: int) -> np.ndarray:
        words = ("--photons", 20, "--read-noise", 0.01, "--seed", seed)
        assert run("simulate", truth, "-n", 4, "-o", name, *words).exit_code == 0
        return read_image(name).data

    np.testing.assert_array_equal(projections("a.tif", 1), projections("b.tif", 1))
    assert (projections("c.tif", 2) != projections("a.tif", 1)).any()


def test_compare_prints_every_metric_and_draws_a_figure(run, truth, tmp_path):
    volume = read_image(truth).data[:12]
    write_image(tmp_path / "v.tif", volume + 0.01 * volume**2)
    found = answer(run("compare", "v.tif", truth, "-n", 4, "--figure", "f.png", "--json"))
    wanted = {
        "psnr",
        "ssim",
        "dice",
        "dice_per_slice_otsu",
        "null_space_r2",
        "reprojection_rmse",
        "reprojection_max",
        "slices",
    }
    assert wanted <= found.keys()
    assert found["slices"] == 12
    assert found["slices_dropped"] == 1
    assert found["step_length"] == 4
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    text = run("compare", "v.tif", truth, "-n", 4).stdout
    assert "PSNR (dB)" in text
    assert "depth recovered" in text


def test_compare_without_a_step_length_leaves_out_the_slabs_and_says_so(run, truth):
    result = run("compare", truth, truth, "--json")
    assert "null_space_r2" not in answer(result)
    assert "without -n" in result.stderr


def test_info_tells_images_and_checkpoints(run, truth):
    run("simulate", truth, "-n", 4, "-o", "p.tif")
    found = answer(run("info", "p.tif", "--json"))
    assert (found["axes"], found["step_length"], found["step_length_source"]) == ("zyx", 4, "from file")
    text = run("info", "p.tif").stdout
    assert "from file" in text
    assert all(len(line) < 300 for line in text.splitlines())
    save_checkpoint("c.safetensors", "inr", {"a": np.zeros(3, np.float32)}, {"b": 1})
    assert answer(run("info", "c.safetensors", "--json"))["model"] == "inr"


def test_channels_and_times_are_chosen(run, tmp_path):
    import tifffile

    data = np.random.default_rng(0).random((2, 8, 3, 16, 16), dtype=np.float32)
    tifffile.imwrite(tmp_path / "m.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    refused = run("simulate", "m.tif", "-n", 4, "-o", "p.tif")
    assert refused.exit_code == 1
    assert "choose one with the setting" in refused.stderr
    assert run("simulate", "m.tif", "-n", 4, "-o", "p.tif", "--channel", 2, "--time", 1).exit_code == 0
    np.testing.assert_allclose(read_image("p.tif").data[0], data[1, :4, 2].mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["specimen", "nuclei", "-o", "t.tif", "--shape", 0, 8, 8], 2, "shape is (0, 8, 8)"),
        (["specimen", "nuclei", "-o", "t.png"], 1, "must end in"),
        (["specimen", "nuclei", "-o", "no/t.tif"], 1, "there is no folder"),
        (["simulate", "truth.tif", "-o", "p.tif"], 2, "give it with -n"),
        (["simulate", "truth.tif", "-n", 0, "-o", "p.tif"], 2, "-n is 0"),
        (["simulate", "truth.tif", "-n", 1.5, "-o", "p.tif"], 2, "-n is 1.5, but it must be a whole number"),
        (["simulate", "truth.tif", "-n", 1000, "-o", "p.tif"], 2, "-n is 1000"),
        (["simulate", "truth.tif", "-n", "four", "-o", "p.tif"], 2, "-n is 'four'"),
        (["simulate", "truth.tif", "-n", 14, "-o", "p.tif"], 1, "fewer than one slab"),
        (["simulate", "truth.tif", "-n", 4, "-o", "truth.tif"], 1, "would be overwritten"),
        (["simulate", "truth.tif", "-n", 4, "-o", "p.tif", "--photons", 0], 2, "photons is 0"),
        (["simulate", "truth.tif", "-n", 4, "-o", "p.tif", "--read-noise", -1], 2, "--read-noise is -1"),
        (["simulate", "none.tif", "-n", 4, "-o", "p.tif"], 1, "no such file"),
        (["compare", "truth.tif", "none.tif"], 1, "no such file"),
        (["compare", "truth.tif", "truth.tif", "-n", 4], 1, "no whole number of slabs"),
        (["compare", "truth.tif", "truth.tif", "--figure", "f.gif"], 1, "must end in"),
        (["info", "none.tif"], 1, "no such file"),
        (["info", "."], 1, "folder"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(run, truth, tmp_path, words, code, sentence):
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run(*words)
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("microdiffusion: ")
    assert sentence in line
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["specimen", "liver", "-o", "t.tif"],
        ["specimen", "nuclei"],
        ["simulate", "truth.tif", "-n", 4, "-o", "p.tif", "--beam", "laser"],
        ["reconstruct", "truth.tif", "-n", 4, "-o", "v.tif", "--guide", "magic"],
        ["reconstruct", "truth.tif", "-n", 4, "-o", "v.tif", "--samples", "many"],
    ],
)
def test_bad_usage_exits_with_two(run, words):
    result = run(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [["--debug", "info", "none.tif"], ["info", "none.tif", "--debug"]])
def test_debug_shows_where_an_error_comes_from(run, words):
    result = run(*words)
    assert result.exit_code == 1
    assert type(result.exception).__name__ == "UserError"
    # The option of one call does not last.
    assert type(run("info", "none.tif").exception).__name__ == "SystemExit"


def test_a_defect_is_one_line_too_unless_debugged(run, monkeypatch):
    def broken(*_arguments):
        raise KeyError("axes")

    monkeypatch.setattr("napari_microdiffusion.cli.volumes.describe", broken)
    result = run("info", "truth.tif")
    assert result.exit_code == 1
    assert (
        result.stderr == "microdiffusion: a defect of the program: KeyError: 'axes' (--debug shows where)\n"
    )
    assert type(run("info", "truth.tif", "--debug").exception).__name__ == "KeyError"


def test_a_disk_that_is_gone_is_no_defect(run, monkeypatch):
    def gone(*_arguments):
        raise OSError(errno.ESTALE, "Stale file handle", "/share/truth.tif")

    monkeypatch.setattr("napari_microdiffusion.cli.volumes.describe", gone)
    result = run("info", "truth.tif")
    assert result.exit_code == 1
    assert result.stderr == "microdiffusion: /share/truth.tif cannot be read or written: Stale file handle\n"


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shows in ((Screen(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with terminal.progress_bar() as show:
            show("Fitting", 0.5, 12.0)
            show("Sampling", 1.0, 0.0)
        assert ("Fitting" in stream.getvalue()) is shows
