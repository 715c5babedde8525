"""What a long run is said to take before it begins."""

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_microdiffusion.cli import app
from napari_microdiffusion.io import write_image
from napari_microdiffusion.reconstruction.blocks import plan
from napari_microdiffusion.reconstruction.cost.speed import MachineSpeed

PROJECTIONS = np.random.default_rng(2).uniform(10, 100, (3, 4, 8, 9)).astype(np.float32)
FAST = ("-n", "2", "--guide", "linear", "--diffusion", "off")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("series.ome.tif", PROJECTIONS, axes="tzyx", scale=(6, 1, 1))
    write_image("stack.ome.tif", PROJECTIONS[0], axes="zyx", scale=(6, 1, 1))


def said(*words):
    answer = CliRunner().invoke(app, ["reconstruct", *words, *FAST])
    assert answer.exit_code == 0, answer.output
    return answer.stderr


def test_of_a_stack_in_blocks(monkeypatch):
    monkeypatch.setattr(plan, "LARGE", 100)
    text = said("stack.ome.tif", "-o", "v.ome.zarr")
    assert "1 block: about 1 s and 0.4 GB on this CPU; the result takes 0.1 MB" in text


def test_of_a_stack_in_memory_nothing():
    assert "about" not in said("stack.ome.tif", "-o", "v.ome.tif")


def test_of_time_points():
    text = said("series.ome.tif", "-o", "v.ome.tif", "--time", "all")
    assert "3 time points: about 1 s and 0.4 GB on this CPU; the result takes 0.1 MB" in text


def test_a_run_in_blocks_tells_the_next_how_long_it_took(monkeypatch):
    monkeypatch.setattr(plan, "LARGE", 100)
    said("stack.ome.tif", "-o", "v.ome.zarr")
    speed = MachineSpeed.of_this_machine()
    assert any(f"{stage}, in blocks" in speed for stage in ("preview", "posterior mean"))


def test_of_a_batch():
    answer = CliRunner().invoke(app, ["batch", "series.ome.tif", "stack.ome.tif", "-o", "out", *FAST])
    assert answer.exit_code == 0, answer.output
    assert "4 pieces: about 1 s and 0.4 GB on this CPU" in answer.stderr
