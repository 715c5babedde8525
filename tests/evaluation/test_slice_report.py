"""Per-slice figures and tables of several reconstructions."""

import csv

import numpy as np
import pytest

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.evaluation import compare, slice_figure, slice_table
from napari_microdiffusion.interpolation import linear, nearest


@pytest.fixture
def rows(rng):
    truth = rng.uniform(0, 1, (12, 10, 11)).cumsum(0).astype(np.float32)
    projections = truth.reshape(3, 4, 10, 11).mean(1)
    return [(f.__name__, compare(f(projections, 4), truth, 4)) for f in (nearest, linear)]


def read(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_table_has_a_line_for_every_slice_and_one_for_all(rows, tmp_path):
    path = tmp_path / "slices.csv"
    slice_table(path, rows)
    lines = read(path)
    assert len(lines) == 2 * (12 + 1)
    assert [line["slice"] for line in lines[:3]] == ["all", "0", "1"]
    whole, first = lines[13], lines[14]
    assert whole["reconstruction"] == "linear"
    assert float(whole["psnr"]) == pytest.approx(rows[1][1]["psnr"], rel=1e-4)
    assert float(first["null_space_r2"]) == pytest.approx(
        rows[1][1]["per_slice"]["null_space_r2"][0], rel=1e-4
    )


def test_the_figure_is_drawn(rows, tmp_path):
    path = tmp_path / "slices.png"
    slice_figure(path, rows, 4)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_slabs_what_depends_on_them_is_left_out(rng, tmp_path):
    truth = rng.uniform(0, 1, (9, 10, 11))
    rows = [("itself", compare(truth, truth))]
    slice_figure(tmp_path / "slices.svg", rows)
    slice_table(tmp_path / "slices.csv", rows)
    assert read(tmp_path / "slices.csv")[0]["null_space_r2"] == ""


def test_a_place_that_cannot_be_written_is_one_sentence(rows, tmp_path):
    with pytest.raises(UserError, match="no folder"):
        slice_figure(tmp_path / "nowhere" / "slices.png", rows)
    with pytest.raises(UserError, match="csv"):
        slice_table(tmp_path / "slices.txt", rows)
    with pytest.raises(UserError, match="nothing to draw"):
        slice_figure(tmp_path / "slices.png", [])
