"""Several reconstructions of one specimen, slice by slice: a figure and a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..io import check_output, whole_file
from .slice_plot import INK, Curve, plot_slices
from .table import COLUMNS

FIGURE_FORMATS = (".png", ".pdf", ".svg")
SLICE_METRICS = ("psnr", "ssim", "dice", "null_space_r2")

_DPI = 160
# Okabe and Ito's colours, which remain distinct with any colour vision.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")

Metrics = Mapping[str, Any]


def slice_values(metrics: Metrics, key: str) -> list[float | None]:
    """One metric of `SLICE_METRICS` for every slice; nothing where it was not measured."""
    return list(metrics["per_slice"].get(key) or ())


def slice_figure(path: str | Path, rows: Sequence[tuple[str, Metrics]], n: int | None = None) -> None:
    """Draw every metric that has a value per slice, one curve a reconstruction.

    Parameters
    ----------
    path : str or Path
        Where to write, ``.png``, ``.pdf`` or ``.svg``; whole or not at all.
    rows : sequence of (name, metrics)
        What `compare` returned for each reconstruction.
    n : int, optional
        Step length in slices; borders of slabs are marked.

    Raises
    ------
    UserError
        If there is nothing to draw, or nothing can be written at the path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_output(path, FIGURE_FORMATS)
    keys = [key for key in SLICE_METRICS if any(slice_values(metrics, key) for _, metrics in rows)]
    if not keys:
        raise UserError("there is nothing to draw: compare a reconstruction with a ground truth first.")
    figure = Figure(figsize=(7.0, 1.7 * len(keys) + 0.7), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(keys), 1, sharex=True, squeeze=False)[:, 0]
    for axes, key in zip(panels, keys, strict=True):
        curves = [
            Curve(_label(name, metrics, key), slice_values(metrics, key), COLOURS[number % len(COLOURS)])
            for number, (name, metrics) in enumerate(rows)
        ]
        plot_slices(axes, curves, COLUMNS[key].heading, n)
        axes.legend(fontsize=6.5, frameon=False, loc="best")
    panels[-1].set_xlabel("slice", fontsize=8, color=INK)
    with whole_file(path) as partial:
        figure.savefig(partial, format=Path(path).suffix[1:].lower(), dpi=_DPI)


def _label(name: str, metrics: Metrics, key: str) -> str:
    of_all = metrics.get(key)
    return name if of_all is None else f"{name}, all: {of_all:{COLUMNS[key].form}}"


def slice_table(path: str | Path, rows: Sequence[tuple[str, Metrics]]) -> None:
    """Write a line for every slice of every reconstruction, and one for each as a whole (slice "all").

    Parameters
    ----------
    path : str or Path
        A ``.csv`` file; whole or not at all. Figures that are not defined are left empty.
    rows : sequence of (name, metrics)
        What `compare` returned for each reconstruction.

    Raises
    ------
    UserError
        If nothing can be written at the path.
    """
    check_output(path, (".csv",))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("reconstruction", "slice", *SLICE_METRICS))
    for name, metrics in rows:
        lines.writerow((name, "all", *(_figure(metrics.get(key)) for key in SLICE_METRICS)))
        columns = [slice_values(metrics, key) for key in SLICE_METRICS]
        for z in range(max(map(len, columns), default=0)):
            lines.writerow((name, z, *(_figure(column[z]) if column else "" for column in columns)))
    with whole_file(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
