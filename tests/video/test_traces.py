"""Traces in tables and in NWB files."""

import csv

import numpy as np
import pytest

from napari_microdiffusion.errors import UsageError
from napari_microdiffusion.video.nwb import write_nwb
from napari_microdiffusion.video.traces import Traces, centres_of

LABELS = np.zeros((2, 3, 4), np.int32)
LABELS[0, 0, :2] = 1
LABELS[1, 2, 3] = 2


@pytest.fixture
def traces():
    light = np.full((10, 2), (100.0, 50.0))
    light[4, 0] = 250
    return Traces(light, np.broadcast_to([5.0, 10.0], light.shape), centres_of(LABELS), 4.0)


def test_change_is_relative_to_rest(traces):
    change = traces.relative_change
    assert change[4, 0] == pytest.approx(1.5)
    assert np.delete(change[:, 0], 4) == pytest.approx(0)
    assert traces.relative_deviation[0] == pytest.approx([0.05, 0.2])


def test_a_region_that_is_dark_at_rest_has_no_boundless_change():
    dark = Traces(np.array([[0.0], [0.0], [3.0]]), np.ones((3, 1)), np.zeros((1, 3)))
    assert dark.relative_change.max() == pytest.approx(3)


def test_a_table_has_a_row_for_each_frame_and_region(traces, tmp_path):
    path = tmp_path / "traces.csv"
    traces.write_csv(path)
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 20
    active = next(row for row in rows if row["frame"] == "4" and row["region"] == "1")
    assert float(active["time_s"]) == 1.0
    assert float(active["dF_F"]) == pytest.approx(1.5)
    # Ten frames are too few to tell how fast activity fades.
    assert "events" not in active
    assert (active["z"], active["y"], active["x"]) == ("0.00", "0.00", "0.50")


def test_a_longer_trace_has_a_column_without_noise(tmp_path):
    light = np.full((40, 2), (100.0, 50.0))
    light[10:15, 0] += 200 * 0.7 ** np.arange(5)
    longer = Traces(light, np.full(light.shape, 5.0), centres_of(LABELS), 4.0)
    longer.write_csv(tmp_path / "traces.csv")
    with (tmp_path / "traces.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["region"] == "1"]
    assert max(rows, key=lambda row: float(row["events"]))["frame"] == "10"
    assert float(rows[10]["F_deconvolved"]) == pytest.approx(300, rel=0.05)


def test_an_nwb_file_has_regions_and_traces(traces, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    path = tmp_path / "traces.nwb"
    write_nwb(path, traces, LABELS, ["A note."])
    with pynwb.NWBHDF5IO(str(path), "r") as handle:
        module = handle.read().processing["ophys"]
        series = module["Fluorescence"]["fluorescence"]
        np.testing.assert_allclose(series.data[:], traces.light)
        assert series.rate == 4.0
        assert len(module["ImageSegmentation"]["regions"]["voxel_mask"][0]) == 2


def test_a_number_that_no_voxel_has_is_left_out(traces, tmp_path):
    """As of a region that a person has erased."""
    pynwb = pytest.importorskip("pynwb")
    labels = np.where(LABELS == 1, 0, LABELS)
    erased = Traces(traces.light, traces.deviation, centres_of(labels), 4.0)
    assert erased.regions == [2]
    erased.write_csv(tmp_path / "traces.csv")
    with (tmp_path / "traces.csv").open(newline="") as handle:
        assert {row["region"] for row in csv.DictReader(handle)} == {"2"}
    write_nwb(tmp_path / "traces.nwb", erased, labels)
    with pynwb.NWBHDF5IO(str(tmp_path / "traces.nwb"), "r") as handle:
        module = handle.read().processing["ophys"]
        np.testing.assert_allclose(module["Fluorescence"]["fluorescence"].data[:], traces.light[:, 1:])
        assert module["ImageSegmentation"]["regions"].id[:].tolist() == [2]


def test_without_pynwb_it_says_what_to_install(traces, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynwb", None)
    with pytest.raises(UsageError, match="napari-microdiffusion\\[nwb\\]"):
        write_nwb(tmp_path / "traces.nwb", traces, LABELS)
