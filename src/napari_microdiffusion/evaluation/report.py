"""A reconstruction beside its ground truth, as one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..io import check_output, whole_file
from .intensity import IntensityRange, Volume
from .layout import Layout, add_scale_bar
from .metrics import compare
from .slice_plot import FAINT, INK, Curve, plot_slices
from .table import COLUMNS, comparison_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison_figure", "comparison_table"]

FORMATS = (".png", ".pdf", ".svg")
_DPI = 160
# Intensities are shown by their power: specimens are mostly dark, and faint structure matters as much.
_GAMMA = 0.6
_RECONSTRUCTION_COLOUR, _BASELINE_COLOUR = "#0072b2", "#e69f00"
_TABLE_KEYS = (
    "psnr",
    "psnr_foreground",
    "ssim",
    "ssim_3d",
    "dice",
    "null_space_r2",
    "axial_centroid_error_median",
    "reprojection_max",
)


@dataclass(frozen=True)
class _Column:
    """One column of pictures: an xy slice, an xz section and a maximum along y, drawn alike."""

    title: str
    pictures: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    colours: str
    low: float
    high: float
    meaning: str
    gamma: float = 1.0


def comparison_figure(
    path: str | Path,
    reconstruction: ArrayLike,
    truth: ArrayLike,
    *,
    projections: ArrayLike | None = None,
    baseline: tuple[str, ArrayLike] | None = None,
    uncertainty: ArrayLike | None = None,
    metrics: Mapping[str, Any] | None = None,
    baseline_metrics: Mapping[str, Any] | None = None,
    scale: tuple[float, float, float] | None = None,
    unit: str = "µm",
    title: str | None = None,
) -> None:
    """Draw a reconstruction and its ground truth, with what was measured, a baseline, error and uncertainty.

    Each is shown as an xy slice, an xz section and a maximum projection along y, at true aspect. Slice and
    section are those of most contrast in the middle half of the truth. All intensities share the limits that
    the metrics use, the truth's 0.5 and 99.9 percentiles.

    Parameters
    ----------
    path : str or Path
        Where to write, ``.png``, ``.pdf`` or ``.svg``. Written beside it first, then renamed.
    reconstruction : array_like, shape (Z, H, W)
        The volume to judge.
    truth : array_like, shape (at least Z, H, W)
        Ground truth in the same unit; slices beyond Z are dropped.
    projections : array_like, shape (N, H, W), optional
        What was measured, N a divisor of Z.
    baseline : (name, volume), optional
        Another reconstruction to compare with, of shape (Z, H, W).
    uncertainty : array_like, shape (Z, H, W), optional
        Standard deviation, in the unit of the truth.
    metrics, baseline_metrics : mapping, optional
        What `compare` returned for the reconstruction and the baseline; computed if left out.
    scale : (dz, dy, dx), optional
        Voxel size; isotropic pixels by default.
    unit : str
        Unit of the scale.
    title : str, optional
        Heading of the figure.

    Raises
    ------
    UserError
        If shapes do not match, or nothing can be written at the path.
    """
    check_output(path, FORMATS)
    rec, measured, deviation = np.asarray(reconstruction), _array(projections), _array(uncertainty)
    other = None if baseline is None else np.asarray(baseline[1])
    n = None if measured is None or not len(measured) else len(rec) // len(measured)
    found = compare(rec, truth, n) if metrics is None else metrics
    gt = np.asarray(truth)[: len(rec)]
    for name, volume in (("baseline", other), ("uncertainty", deviation)):
        if volume is not None and volume.shape != rec.shape:
            raise UserError(
                f"the {name} is of shape {volume.shape}, not of the reconstruction's, {rec.shape}."
            )
    if measured is not None and (n is None or (len(measured) * n, *measured.shape[1:]) != rec.shape):
        raise UserError(
            f"projections of shape {measured.shape} cannot have made a reconstruction of shape {rec.shape}."
        )
    scores = [("reconstruction", found)]
    if baseline is not None and other is not None:
        scores.insert(0, (baseline[0], baseline_metrics or compare(other, gt, n)))
    columns, (z, y) = _columns(
        rec, gt, measured, baseline[0] if baseline else "", other, deviation, dict(scores)
    )
    figure = _draw(columns, scores, (z, y), rec.shape, n, scale, unit, title)
    with whole_file(path) as partial:
        figure.savefig(partial, format=Path(path).suffix[1:].lower(), dpi=_DPI)


def _array(values: ArrayLike | None) -> Volume | None:
    return None if values is None else np.asarray(values)


def _columns(
    rec: Volume,
    gt: Volume,
    measured: Volume | None,
    baseline_name: str,
    other: Volume | None,
    deviation: Volume | None,
    scores: Mapping[str, Mapping[str, Any]],
) -> tuple[list[_Column], tuple[int, int]]:
    z, y = _most_contrast(gt, 0), _most_contrast(gt, 1)

    def cut(volume: Volume) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        pictures = (volume[z], volume[:, y], volume.max(axis=1))
        return tuple(np.asarray(p, dtype=np.float32) for p in pictures)  # type: ignore[return-value]

    limits = IntensityRange.of(gt)
    grey = ("gray", limits.low, limits.high, f"intensity (shown with gamma {_GAMMA})", _GAMMA)
    pictures, true_pictures = cut(rec), cut(gt)
    columns = []
    if measured is not None:
        n = len(rec) // len(measured)
        sections = (np.repeat(measured[:, y], n, axis=0), np.repeat(measured.max(axis=1), n, axis=0))
        columns.append(_Column("measured projections", (measured[z // n], *sections), *grey))
    if other is not None:
        heading = f"{baseline_name}\n{scores[baseline_name]['psnr']:.2f} dB"
        columns.append(_Column(heading, cut(other), *grey))
    columns.append(_Column(f"reconstruction\n{scores['reconstruction']['psnr']:.2f} dB", pictures, *grey))
    columns.append(_Column("ground truth", true_pictures, *grey))
    errors = [a - b for a, b in zip(pictures, true_pictures, strict=True)]
    bound = float(np.percentile(np.abs(np.concatenate([e.ravel() for e in errors[:2]])), 99.8)) or 1.0
    columns.append(
        _Column("error", (errors[0], errors[1], errors[2]), "RdBu_r", -bound, bound, "reconstruction − truth")
    )
    if deviation is not None:
        shown = cut(deviation)
        top = float(np.percentile(np.concatenate([s.ravel() for s in shown[:2]]), 99.9)) or 1.0
        columns.append(_Column("uncertainty", shown, "viridis", 0.0, top, "standard deviation"))
    return columns, (z, y)


def _most_contrast(volume: Volume, axis: int) -> int:
    """Where, in the middle half along an axis, a plane varies most: an end or an empty plane shows little."""
    length = volume.shape[axis]
    first, last = length // 4, max(length - length // 4, length // 4 + 1)
    spread = [np.asarray(volume.take(i, axis=axis), dtype=np.float32).std() for i in range(first, last)]
    return first + int(np.argmax(spread))


def _draw(
    columns: list[_Column],
    scores: list[tuple[str, Mapping[str, Any]]],
    position: tuple[int, int],
    shape: tuple[int, ...],
    n: int | None,
    scale: tuple[float, float, float] | None,
    unit: str,
    title: str | None,
) -> Figure:
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import MaxNLocator

    dz, dy, dx = scale or (1.0, 1.0, 1.0)
    depth, height, width = shape[0] * dz, shape[1] * dy, shape[2] * dx
    layout = Layout.of(len(columns), width, (height, depth, depth), bool(title))
    figure = layout.figure()
    labels = (f"xy\nslice {position[0]}", f"xz\nrow {position[1]}", "xz\nmaximum")
    for c, column in enumerate(columns):
        for row, (picture, tall) in enumerate(zip(column.pictures, (height, depth, depth), strict=True)):
            axes = figure.add_axes(layout.panel(row, c))
            image = axes.imshow(
                picture,
                cmap=column.colours,
                norm=PowerNorm(column.gamma, column.low, column.high, clip=True),
                extent=(0, width, tall, 0),
            )
            axes.set_xticks([])
            axes.set_yticks(np.arange(0, shape[0] + 1, n) * dz if n and row and c == 0 else [], [])
            axes.tick_params(length=2.5, width=0.5, color=INK)
            for spine in axes.spines.values():
                spine.set(linewidth=0.5, color=FAINT)
            if row == 0:
                axes.set_title(column.title, fontsize=8, color=INK, pad=4)
            if c == 0:
                axes.set_ylabel(labels[row], fontsize=min(8.0, 14 * layout.row_heights[row]), color=INK)
            if c == 0 and row < 2:
                add_scale_bar(axes, width, tall, "px" if scale is None else unit)
        last = c + 1 == len(columns) or columns[c + 1].meaning != column.meaning
        if last:
            first = next(i for i, other in enumerate(columns) if other.meaning == column.meaning)
            bar = figure.colorbar(
                image, cax=figure.add_axes(layout.colour_bar(first, c)), orientation="horizontal"
            )
            bar.set_label(column.meaning, fontsize=7, color=INK, labelpad=1)
            bar.ax.tick_params(labelsize=6, length=2, width=0.5, pad=1)
            ticks = MaxNLocator(3 * (c - first + 1)).tick_values(column.low, column.high)
            bar.set_ticks([tick for tick in ticks if column.low <= tick <= column.high])
            bar.outline.set_linewidth(0.5)
    _draw_psnr(figure.add_axes(layout.plot()), scores, n)
    _draw_scores(figure.add_axes(layout.scores()), scores)
    if title:
        figure.text(
            layout.left, layout.title_height, title, fontsize=10, color=INK, va="center", weight="bold"
        )
    return figure


def _colours(scores: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    return [_BASELINE_COLOUR, _RECONSTRUCTION_COLOUR][-len(scores) :]


def _draw_psnr(axes: Axes, scores: list[tuple[str, Mapping[str, Any]]], n: int | None) -> None:
    curves = [
        Curve(name, metrics["per_slice"]["psnr"], colour)
        for (name, metrics), colour in zip(scores, _colours(scores), strict=True)
    ]
    plot_slices(axes, curves, "PSNR (dB)", n)
    axes.set_xlabel("slice", fontsize=8, color=INK, labelpad=2)
    if len(scores) > 1:
        axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2)


def _draw_scores(axes: Axes, scores: list[tuple[str, Mapping[str, Any]]]) -> None:
    axes.set_axis_off()
    keys = [key for key in _TABLE_KEYS if any(metrics.get(key) is not None for _, metrics in scores)]
    step = 1 / (len(_TABLE_KEYS) + 1)
    ends = (0.62, 1.0)
    for (name, metrics), colour, end in zip(scores, _colours(scores), ends, strict=False):
        axes.text(end, 1 - step / 2, name, fontsize=7.5, color=colour, ha="right", va="center", weight="bold")
        for line, key in enumerate(keys, start=1):
            value = metrics.get(key)
            text = "–" if value is None else format(value, COLUMNS[key].form)
            axes.text(end, 1 - (line + 0.5) * step, text, fontsize=7.5, color=INK, ha="right", va="center")
    for line, key in enumerate(keys, start=1):
        axes.text(0, 1 - (line + 0.5) * step, COLUMNS[key].heading, fontsize=7.5, color=INK, va="center")
