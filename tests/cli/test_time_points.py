"""`reconstruct --time`: one time point, several as one result, and what Ctrl-C leaves of them."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_microdiffusion.batch import running
from napari_microdiffusion.cli import app
from napari_microdiffusion.cli.terminal import STOPPED
from napari_microdiffusion.io import read_image, write_image

TIMES = np.random.default_rng(2).uniform(10, 100, (3, 4, 8, 9)).astype(np.float32)
FAST = ("-n", "2", "--guide", "linear", "--diffusion", "off", "--json")


@pytest.fixture
def series(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_image("series.ome.tif", TIMES, axes="tzyx", scale=(6, 1, 1))
    return tmp_path


def reconstruct(*words: str):
    return CliRunner().invoke(app, ["reconstruct", "series.ome.tif", "-o", "v.ome.tif", *FAST, *words])


@pytest.mark.parametrize(("asked", "shape"), [("all", (3, 8, 8, 9)), ("0:2", (2, 8, 8, 9)), ("1", (8, 8, 9))])
def test_one_or_several_time_points(series, asked, shape):
    answer = reconstruct("--time", asked)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout.splitlines()[-1])["output"] == "v.ome.tif"
    assert read_image(series / "v.ome.tif").data.shape == shape


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--time", "1:9"), "no time points 1:9; all there are is 0:3"),
        (("--time", "3:x"), "first:end, such as 3:7"),
        (("--time", "0:2", "--average-frames"), "only one can be chosen"),
        (
            ("--time", "0:2", "--guide", "inr", "--save-inr", "i.safetensors"),
            "--save-inr saves the INR of one",
        ),
        (("--time", "0:2", "--views", "series.ome.tif"), "--views names the file of one stack"),
        ((), "choose one with the setting time"),
    ],
)
def test_what_cannot_be_chosen_gets_one_sentence(series, words, sentence):
    answer = reconstruct(*words)
    assert answer.exit_code in (1, 2)
    assert sentence in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert [path.name for path in series.iterdir()] == ["series.ome.tif"]


def test_samples_that_nothing_keeps_are_told_of_in_a_series_too(series):
    assert "no samples" not in reconstruct("--time", "0:1").stderr
    told = reconstruct("--time", "0:1", "--samples", "3")
    assert "no samples are drawn, since nothing keeps them" in told.stderr


def test_ctrl_c_keeps_finished_time_points_and_the_same_command_goes_on(series, monkeypatch):
    real, worked_on = running.work_on, []

    def interrupted(piece, *rest):
        worked_on.append(piece.input.time)
        if len(worked_on) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(piece, *rest)

    monkeypatch.setattr(running, "work_on", interrupted)
    stopped = reconstruct("--time", "all")
    assert stopped.exit_code == STOPPED, stopped.output
    assert not (series / "v.ome.tif").exists()
    assert reconstruct("--time", "all").exit_code == 0
    assert worked_on == [0, 1, 1, 2]
    assert read_image(series / "v.ome.tif").data.shape == (3, 8, 8, 9)
