"""A metric slice by slice, as curves on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT = "#222222", "#c8c8c8"
# More slabs than these have their borders so near to each other that lines only darken the plot.
_MOST_BORDERS = 60


@dataclass(frozen=True)
class Curve:
    """One metric of one reconstruction.

    Attributes
    ----------
    label : str
    values : sequence of float or None
        One a slice; None where the metric is undefined, which leaves a gap.
    colour : str
    """

    label: str
    values: Sequence[float | None]
    colour: str


def plot_slices(axes: Axes, curves: Sequence[Curve], name: str, n: int | None = None) -> None:
    """Draw curves over the slices, with the borders of slabs behind them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : sequence of Curve
    name : str
        Of the metric, with its unit.
    n : int, optional
        Step length in slices; without one no borders are drawn.
    """
    depth = max((len(curve.values) for curve in curves), default=0)
    for curve in curves:
        values = [np.nan if value is None else value for value in curve.values]
        axes.plot(values, color=curve.colour, linewidth=1.2, label=curve.label)
    if n and depth // n <= _MOST_BORDERS:
        for border in range(n, depth, n):
            axes.axvline(border - 0.5, color=FAINT, linewidth=0.4, zorder=0)
    axes.set_xlim(-0.5, max(depth, 1) - 0.5)
    axes.set_ylabel(name, fontsize=8, color=INK, labelpad=2)
    axes.tick_params(labelsize=7, length=2.5, width=0.5)
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), linewidth=0.5)
