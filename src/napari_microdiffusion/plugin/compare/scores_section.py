"""The scores of the compared reconstructions: as a table, and slice by slice as a plot."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from ..widgets.line_plot import Curve
from ..widgets.metric_plot import MetricPlot
from ..widgets.section import Section, column, flow, label
from .score_table import ScoreTable

SLICE_METRICS = ("psnr", "ssim", "dice", "null_space_r2")
_MOST_BORDERS = 60


class ScoresSection(Section):
    """The table, the plot, and their export."""

    row_chosen = Signal(int)
    slice_picked = Signal(float)
    export_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__("Scores", is_open=True, page="trust")
        self._rows: Sequence[tuple[str, dict[str, Any]]] = ()
        self._n: int | None = None
        self.table = ScoreTable()
        self.metrics = MetricPlot(SLICE_METRICS, "slice", "Click to go to a slice.")
        self.plot = self.metrics.plot
        self.figure, self.csv = QPushButton("Figure…"), QPushButton("Table…")
        self._nothing = label("Nothing is compared yet.", tone="dim", wrap=True)
        buttons = flow(self.metrics.box, self.figure, self.csv)
        self.set_content(column(self._nothing, self.table, self.metrics, buttons))
        self.table.chosen.connect(self.row_chosen)
        self.plot.picked.connect(self.slice_picked)
        self.figure.clicked.connect(self._want_figure)
        self.csv.clicked.connect(self._want_csv)
        self.set_busy("")

    @property
    def chosen(self) -> int:
        """The number of the chosen row; below zero for none."""
        return int(self.table.currentRow())

    def show_scores(self, rows: Sequence[tuple[str, dict[str, Any]]], n: int | None) -> None:
        """Show other scores; `n` is the step length."""
        self._rows, self._n = rows, n
        self.table.show_scores(rows)
        self._nothing.setVisible(not rows)
        for widget in (self.table, self.metrics, self.metrics.box, self.figure, self.csv):
            widget.setVisible(bool(rows))
        if rows:
            name, metrics = max(rows, key=lambda item: float(item[1]["psnr"]))
            self.set_state(f"{name}: {metrics['psnr']:.1f} dB")
        else:
            self.set_state("none yet")
        self.set_busy("")
        self._plot()

    def set_busy(self, text: str) -> None:
        """Switch the exports off while something is being done, or on again."""
        reason = f"Wait until this is done: {text.lower()}" if text else ""
        self.figure.setEnabled(bool(self._rows) and not text)
        self.csv.setEnabled(bool(self._rows) and not text)
        self.figure.setToolTip(reason or "<qt>Every metric against the slices, as PNG, PDF or SVG.</qt>")
        self.csv.setToolTip(reason or "<qt>A line for every slice, for a spreadsheet (CSV).</qt>")

    def _plot(self) -> None:
        n, depth = (
            self._n,
            max((len(curve.x) for key in SLICE_METRICS for curve in self._curves(key)), default=0),
        )
        borders = [z - 0.5 for z in range(n, depth, n)] if n and depth // n <= _MOST_BORDERS else []
        self.metrics.show_metrics(self._curves, borders)

    def _curves(self, key: str) -> list[Curve]:
        values = [(name, metrics["per_slice"].get(key) or []) for name, metrics in self._rows]
        return [Curve(name, range(len(of_slices)), of_slices) for name, of_slices in values]

    def _want_figure(self) -> None:
        self.export_wanted.emit("figure")

    def _want_csv(self) -> None:
        self.export_wanted.emit("table")
