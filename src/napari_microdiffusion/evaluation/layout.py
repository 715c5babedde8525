"""Where things are on the comparison figure, worked out in inches so that pictures align at true aspect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]

_WIDEST, _NARROWEST = 2.2, 0.9
_TALLEST_ROWS = 9.0
_SHORTEST_ROW = 0.3
_LEFT, _RIGHT, _GAP = 0.55, 0.15, 0.08
_TITLE, _HEADINGS = 0.3, 0.45
_BAR_GAP, _BAR, _BAR_LABELS = 0.08, 0.08, 0.6
_PLOT, _BOTTOM = 1.5, 0.4
_SCORES = 3.0
_NARROWEST_FIGURE = 7.0


@dataclass(frozen=True)
class Layout:
    """A grid of pictures, colour bars below it, and below these a plot and a list of scores.

    Lengths are in inches; the methods return boxes (left, bottom, width, height) in fractions of the figure.
    """

    columns: int
    panel_width: float
    row_heights: tuple[float, ...]
    width: float
    height: float
    top: float

    @classmethod
    def of(
        cls, columns: int, picture_width: float, picture_heights: tuple[float, ...], titled: bool
    ) -> Layout:
        """Fit columns of pictures of the given physical extents, one height a row."""
        ratios = np.array(picture_heights) / picture_width
        panel_width = float(np.clip(_TALLEST_ROWS / ratios.sum(), _NARROWEST, _WIDEST))
        rows = tuple(float(max(panel_width * ratio, _SHORTEST_ROW)) for ratio in ratios)
        top = _HEADINGS + (_TITLE if titled else 0)
        width = max(_LEFT + _RIGHT + columns * panel_width + (columns - 1) * _GAP, _NARROWEST_FIGURE)
        below = _BAR_GAP + _BAR + _BAR_LABELS + _PLOT + _BOTTOM
        return cls(columns, panel_width, rows, width, top + sum(rows) + _GAP * (len(rows) - 1) + below, top)

    def figure(self) -> Figure:
        """An empty figure of this size, drawn without a screen and apart from any other."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, self.height), facecolor="white")
        FigureCanvasAgg(figure)
        return figure

    def panel(self, row: int, column: int) -> Box:
        """The box of one picture; row 0 is at the top."""
        above = self.top + sum(self.row_heights[:row]) + _GAP * row
        left = _LEFT + column * (self.panel_width + _GAP)
        return self._box(left, above, self.panel_width, self.row_heights[row])

    def colour_bar(self, first: int, last: int) -> Box:
        """The box of a horizontal bar under some columns."""
        left = _LEFT + first * (self.panel_width + _GAP)
        span = (last - first + 1) * (self.panel_width + _GAP) - _GAP
        inset = 0.06 * self.panel_width
        return self._box(left + inset, self._rows_end + _BAR_GAP, span - 2 * inset, _BAR)

    def plot(self) -> Box:
        """The box of the plot, at the left."""
        return self._box(_LEFT, self._plot_top, self.width - _LEFT - _RIGHT - _SCORES - 0.5, _PLOT)

    def scores(self) -> Box:
        """The box of the list of scores, at the right."""
        return self._box(self.width - _RIGHT - _SCORES, self._plot_top, _SCORES, _PLOT)

    @property
    def left(self) -> float:
        """Where pictures begin, as a fraction of the width."""
        return _LEFT / self.width

    @property
    def title_height(self) -> float:
        """Middle of the title line, as a fraction of the height."""
        return 1 - 0.6 * _TITLE / self.height

    @property
    def _rows_end(self) -> float:
        return self.top + sum(self.row_heights) + _GAP * (len(self.row_heights) - 1)

    @property
    def _plot_top(self) -> float:
        return self._rows_end + _BAR_GAP + _BAR + _BAR_LABELS

    def _box(self, left: float, above: float, width: float, height: float) -> Box:
        return (
            left / self.width,
            1 - (above + height) / self.height,
            width / self.width,
            height / self.height,
        )


def round_length(extent: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is at most a third of an extent."""
    third = extent / 3
    power = 10.0 ** np.floor(np.log10(third))
    return float(power * max(step for step in (1, 2, 5) if step * power <= third))


def add_scale_bar(axes: Axes, width: float, height: float, unit: str) -> None:
    """Draw a bar of a round length at the lower left of a picture of that extent."""
    from matplotlib.patheffects import withStroke

    length = round_length(width)
    outline = [withStroke(linewidth=2.5, foreground="black")]
    left, bottom = 0.05 * width, height - 0.05 * width
    axes.plot(
        [left, left + length],
        [bottom, bottom],
        color="white",
        linewidth=1.5,
        solid_capstyle="butt",
        path_effects=outline,
    )
    axes.text(
        left, bottom - 0.025 * width, f"{length:g} {unit}", color="white", fontsize=7, path_effects=outline
    )
    axes.set(xlim=(0, width), ylim=(height, 0))
