"""`microdiffusion benchmark` runs methods over volumes and writes a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.cli.options import several_values
from napari_microdiffusion.specimens import make_specimen


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "tissue.tif"
    tifffile.imwrite(path, (1000 * make_specimen("nuclei", (16, 24, 24), 1)).astype(np.uint16))
    return path


def test_options_take_several_values():
    written = ["benchmark", "a.tif", "-n", "4", "6", "--methods", "x", "y", "-o", "out"]
    assert several_values(written) == [
        "benchmark", "a.tif", "-n", "4", "-n", "6", "--methods", "x", "--methods", "y", "-o", "out",
    ]  # fmt: skip
    untouched = ["simulate", "a.tif", "-n", "4", "-o", "out"]
    assert several_values(untouched) == untouched
    assert several_values([]) == []


def test_a_table_a_page_and_a_picture_for_every_step_length(volume, tmp_path):
    out = tmp_path / "out"
    arguments = ["benchmark", str(volume), "-n", "2", "-n", "4", "-o", str(out), "--json"]
    methods = ["--methods", "nearest/off/none", "--methods", "histospline/off/nonnegative"]
    answer = CliRunner().invoke(app, [*arguments, *methods])
    assert answer.exit_code == 0, answer.output
    rows = json.loads(answer.stdout)["rows"]
    assert [row["name"] for row in rows] == [
        f"tissue n={n} {method}"
        for n in (2, 4)
        for method in ("nearest/off/none", "histospline/off/nonnegative")
    ]
    assert all(np.isfinite(row["psnr"]) for row in rows)
    assert {path.name for path in out.iterdir()} == {
        "table.csv",
        "report.md",
        "tissue_n2.png",
        "tissue_n4.png",
    }


@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        (["-n", "1.5", "--methods", "nearest/off/none"], "-n", 2),
        (["-n", "4", "--methods", "magic/off/none"], "guide", 2),
        (["-n", "4", "--methods", "nearest"], "guide/diffusion/consistency", 2),
    ],
)
def test_bad_settings_are_one_sentence_and_nothing_is_written(volume, tmp_path, change, words, code):
    out = tmp_path / "out"
    answer = CliRunner().invoke(app, ["benchmark", str(volume), "-o", str(out), *change])
    assert answer.exit_code == code
    assert words in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not out.exists()


def test_a_missing_volume_is_known_before_the_work_starts(volume, tmp_path):
    out = tmp_path / "out"
    missing = tmp_path / "missing.tif"
    answer = CliRunner().invoke(app, ["benchmark", str(volume), str(missing), "-n", "4", "-o", str(out)])
    assert answer.exit_code == 1
    assert "missing.tif" in answer.stderr
    assert not out.exists()
