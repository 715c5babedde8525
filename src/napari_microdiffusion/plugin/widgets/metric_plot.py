"""A plot of one metric at a time, with the box that chooses it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtWidgets import QWidget

from ...evaluation.table import COLUMNS
from .form import narrow
from .line_plot import Curve, LinePlot
from .section import call, column


class MetricPlot(QWidget):
    """The plot; its `box` goes wherever the owner puts it.

    Parameters
    ----------
    x_title : str
        What lies along the horizontal axis.
    tip : str
        Of the plot.
    """

    def __init__(self, metrics: Iterable[str], x_title: str, tip: str) -> None:
        super().__init__()
        self._curves: Callable[[str], Sequence[Curve]] = lambda _metric: ()
        self._borders: Sequence[float] = ()
        self._metric = ComboBox(choices=[(COLUMNS[key].heading, key) for key in metrics])
        self.box = narrow(self._metric.native)
        self.box.setToolTip("<qt>The metric that is plotted.</qt>")
        self.box.setObjectName("metric")
        call(self.box, "Metric", "The metric that is plotted.")
        self.plot = LinePlot(x_title, height=190)
        self.plot.setToolTip(f"<qt>{tip}</qt>")
        column(self.plot, inside=self)
        self._metric.changed.connect(self._draw)

    def show_metrics(self, curves: Callable[[str], Sequence[Curve]], borders: Sequence[float] = ()) -> None:
        """Plot other values: `curves` makes those of a metric; `borders` are faint vertical lines."""
        self._curves, self._borders = curves, borders
        self._draw()

    def release(self) -> None:
        """Let go of the dock."""
        self._metric.changed.disconnect()
        self._metric.close()

    def _draw(self, _metric: Any = None) -> None:
        self.plot.show_curves(self._curves(self._metric.value), self.box.currentText(), self._borders)
