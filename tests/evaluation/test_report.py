import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.evaluation import compare, comparison_figure
from napari_microdiffusion.evaluation.layout import Layout, round_length
from napari_microdiffusion.evaluation.report import _most_contrast
from napari_microdiffusion.interpolation import histospline, linear


@pytest.fixture
def truth(rng):
    return rng.random((12, 10, 14), dtype=np.float32) ** 4


@pytest.fixture
def measured(truth):
    return truth.reshape(4, 3, 10, 14).mean(1)


def test_everything_on_one_figure(tmp_path, truth, measured):
    path = tmp_path / "figure.png"
    reconstruction = histospline(measured, 3)
    comparison_figure(
        path,
        reconstruction,
        truth,
        projections=measured,
        baseline=("linear", linear(measured, 3)),
        uncertainty=np.abs(reconstruction) * 0.1,
        scale=(2.0, 0.5, 0.5),
        title="A specimen",
    )
    height, width = imread(path).shape[:2]
    assert width > 1000
    assert height > 1000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".PNG"])
def test_formats(tmp_path, truth, suffix):
    path = tmp_path / f"figure{suffix}"
    comparison_figure(path, truth * 0.9, truth)
    start = path.read_bytes()[:200]
    assert {".pdf": b"%PDF", ".svg": b"<svg", ".PNG": b"\x89PNG"}[suffix] in start + path.read_bytes()[:2000]


def test_given_metrics_are_not_computed_again(tmp_path, truth, monkeypatch):
    metrics = compare(truth, truth)
    monkeypatch.setattr("napari_microdiffusion.evaluation.report.compare", None)
    comparison_figure(tmp_path / "figure.png", truth, truth, metrics=metrics)


def test_a_longer_truth_and_a_perfect_reconstruction_can_be_drawn(tmp_path, truth):
    path = tmp_path / "figure.png"
    comparison_figure(path, truth[:9], truth, uncertainty=np.zeros((9, 10, 14)))
    assert path.exists()


def test_no_global_plotting_state(tmp_path, truth):
    comparison_figure(tmp_path / "figure.png", truth, truth)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"uncertainty": np.zeros((12, 10, 13))}, "uncertainty is of shape"),
        ({"baseline": ("linear", np.zeros((11, 10, 14)))}, "baseline is of shape"),
        ({"projections": np.zeros((5, 10, 14))}, "projections of shape"),
        ({"projections": np.zeros((4, 10, 13))}, "projections of shape"),
    ],
)
def test_shapes_must_match(tmp_path, truth, given, expected):
    with pytest.raises(UserError, match=expected):
        comparison_figure(tmp_path / "figure.png", truth, truth, **given)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_begun(tmp_path, truth):
    with pytest.raises(UserError, match="png"):
        comparison_figure(tmp_path / "figure.doc", truth, truth)
    with pytest.raises(UserError, match="no folder"):
        comparison_figure(tmp_path / "missing" / "figure.png", truth, truth)


def test_a_failure_leaves_the_old_figure_alone(tmp_path, truth, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(MemoryError):
        comparison_figure(path, truth, truth)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_plane_of_most_contrast_lies_in_the_middle_half():
    volume = np.zeros((16, 4, 4))
    volume[0, 1, 1] = 100
    volume[6, 1, 1] = 1
    assert _most_contrast(volume, 0) == 6
    assert _most_contrast(np.zeros((1, 4, 4)), 0) == 0


@pytest.mark.parametrize("heights", [(100, 20, 20), (512, 3, 3), (50, 4000, 4000)])
@pytest.mark.parametrize("columns", [3, 6])
def test_layout_keeps_everything_on_the_page(columns, heights):
    layout = Layout.of(columns, 100, heights, titled=True)
    boxes = [layout.panel(row, c) for row in range(3) for c in range(columns)]
    boxes += [layout.colour_bar(0, columns - 2), layout.plot(), layout.scores()]
    for left, bottom, width, height in boxes:
        assert left >= 0
        assert bottom >= 0
        assert width > 0
        assert height > 0
        assert left + width <= 1
        assert bottom + height <= 1
    # Rows from top to bottom, then the bar, then the plot, none over the next.
    edges = [layout.panel(row, 0) for row in range(3)] + [layout.colour_bar(0, 0), layout.plot()]
    for above, below in pairwise(edges):
        assert below[1] + below[3] < above[1]


def test_pictures_are_drawn_at_true_aspect():
    layout = Layout.of(4, 100, (80, 30, 30), titled=False)
    _, _, width, height = layout.panel(0, 0)
    assert height * layout.height / (width * layout.width) == pytest.approx(0.8)


@pytest.mark.parametrize(("extent", "expected"), [(100, 20), (256, 50), (35, 10), (0.9, 0.2), (3, 1)])
def test_scale_bars_have_round_lengths(extent, expected):
    assert round_length(extent) == pytest.approx(expected)
