"""Methods are compared fairly and what is written down is what was measured."""

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.studies.benchmark import (
    Case,
    best_classical,
    case_of_volume,
    gain,
    method_config,
    run_case,
)
from napari_microdiffusion.studies.report import write_benchmark

METHODS = ("nearest/off/none", "linear/off/none", "linear/off/nonnegative")


@pytest.fixture(scope="module")
def case() -> Case:
    """A small vasculature."""
    truth = make_specimen("vasculature", (24, 32, 32), 3)
    acquisition = Acquisition(step_length=4)
    return Case("small", truth, simulate_projections(truth, acquisition), acquisition)


def test_rows_are_measured_and_compared_with_the_best_classical(case: Case) -> None:
    rows = list(run_case(case, METHODS))
    assert [row.method for row in rows] == list(METHODS)
    assert rows[0].metrics["null_space_r2"] == pytest.approx(0, abs=1e-6)
    best = best_classical(rows)
    assert best is not None
    assert best.metrics["psnr"] == max(row.metrics["psnr"] for row in rows)
    assert gain(rows, best, "psnr") == 0


def test_changing_the_truth_while_keeping_its_projections_changes_no_volume(case: Case) -> None:
    slabs = case.truth.reshape(6, 4, 32, 32)
    other = Case(case.name, slabs[:, ::-1].reshape(24, 32, 32), case.projections, case.acquisition)
    for one, two in zip(run_case(case, METHODS), run_case(other, METHODS), strict=True):
        np.testing.assert_array_equal(one.result.volume, two.result.volume)


def test_a_volume_file_becomes_a_case_of_whole_slabs(tmp_path: Path) -> None:
    import tifffile

    volume = np.random.default_rng(0).integers(0, 4000, (14, 16, 16)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "tissue.ome.tif", volume, metadata={"axes": "ZYX"})
    case = case_of_volume(tmp_path / "tissue.ome.tif", 4)
    assert case.name == "tissue"
    assert case.truth.shape == (12, 16, 16)
    np.testing.assert_allclose(case.projections[2], volume[8:12].mean(0), rtol=1e-6)


def test_a_method_needs_three_parts() -> None:
    with pytest.raises(UsageError, match="guide/diffusion/consistency"):
        method_config("histospline")


def test_the_report_holds_every_row_and_picture(case: Case, tmp_path: Path) -> None:
    rows = list(write_benchmark([case], METHODS, tmp_path))
    with (tmp_path / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [line["method"] for line in table] == list(METHODS)
    assert float(table[1]["psnr"]) == pytest.approx(rows[1].metrics["psnr"])
    assert [float(line["reprojection_max"]) for line in table] == [r.result.reprojection_max for r in rows]
    page = (tmp_path / "report.md").read_text()
    assert "small_n4.png" in page
    assert f"| {rows[-1].result.reprojection_max:.1e} |" in page
    assert (tmp_path / "small_n4.png").stat().st_size > 10_000
