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


RECIPE = """
title: A small table
shape: [12, 16, 16]
step_length: 4
specimens: [{kind: nuclei, seed: 1}, {kind: nuclei, seed: 2}, {kind: nuclei, seed: 3}]
rows:
  - {name: linear, settings: {guide: linear, diffusion: "off"}}
  - name: MicroDiffusion
    settings:
      inr: {epochs: 1, frequencies: 4, layers: 2, width: 4}
      paper: {training_steps: 2, batch: 2, width: 8, multipliers: [1, 2], features: 4, sampling_steps: 2}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_runs_from_one_command_and_repeats(recipe, tmp_path):
    tables = []
    for out in (tmp_path / "one", tmp_path / "two"):
        answer = CliRunner().invoke(app, ["benchmark", "--recipe", str(recipe), "-o", str(out), "--json"])
        assert answer.exit_code == 0, answer.output
        found = json.loads(answer.stdout)["recipes"]["small"]
        assert {path.name for path in out.iterdir()} == {"small.csv", "small.md", "small.png"}
        assert [row["row"] for row in found["rows"]] == ["linear"] * 3 + ["MicroDiffusion"] * 3
        tables.append([row["metrics"] for row in found["rows"]])
    assert tables[0] == tables[1]


def test_a_recipe_takes_volumes(recipe, volume, tmp_path):
    arguments = ["benchmark", str(volume), "--recipe", str(recipe), "-o", str(tmp_path / "out")]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    assert "tissue" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "{recipe}", "-n", "4"], "in the recipe"),
        ([], "--recipe"),
        (["{volume}"], "-n"),
    ],
)
def test_what_does_not_go_together_is_said(recipe, volume, tmp_path, arguments, words):
    given = [text.format(recipe=recipe, volume=volume) for text in arguments]
    answer = CliRunner().invoke(app, ["benchmark", *given, "-o", str(tmp_path / "out")])
    assert answer.exit_code == 2
    assert words in answer.stderr
    assert not (tmp_path / "out").exists()
