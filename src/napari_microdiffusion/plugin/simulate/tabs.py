"""The two tabs of the dock "Simulate projections": one step length, or many and what they cost."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from ...optics.placement import short_unit
from ...settings.asked import STEP_LENGTH
from ...studies.sweep_settings import DEFAULT_LENGTHS, SweepSettings
from ..document import FormSettings, RunDocument
from ..widgets.form import Form
from ..widgets.line_plot import Curve
from ..widgets.metric_plot import MetricPlot
from ..widgets.section import column, label, titled

if TYPE_CHECKING:
    from ...studies.step_length_sweep import SweepPoint

_METRICS = ("null_space_r2", "psnr", "ssim", "dice")


class ProjectionsTab(QWidget):
    """One step length."""

    def __init__(self, document: RunDocument) -> None:
        super().__init__()
        self.document = document
        self._output = label(tone="dim", wrap=True)
        column(Form(document, (STEP_LENGTH,)), self._output, None, inside=self)
        document.events.revision.connect(self.refresh)

    def refresh(self, _revision: int = 0) -> None:
        """Say what projections of the volume there will be."""
        n, stack = self.document.value(STEP_LENGTH), self.document.projections
        if stack is None:
            self._output.setText("")
            return
        slabs, rest = divmod(stack.shape[0], n)
        placement = stack.placement
        depth = (
            f" of {n * placement.scale[0]:.3g} {short_unit(placement.units[0])}" if placement.is_known else ""
        )
        dropped = f"; the last {rest} slices fill none and are left out" if rest else ""
        self._output.setText(f"{stack.shape[0]} slices → {slabs} slabs{depth}{dropped}")


class SweepTab(QWidget):
    """Many step lengths, and a plot of how well the volume comes back from each.

    `picked` is emitted with a step length that was clicked.

    Parameters
    ----------
    settings : FormSettings
        Of the model `SweepSettings`.
    """

    picked = Signal(float)

    def __init__(self, document: RunDocument, settings: FormSettings) -> None:
        super().__init__()
        self.document, self.settings = document, settings
        self.points: list[SweepPoint] = []
        self._offered: str = settings.value("step_lengths")
        tip = "Click to take a step length over to the first tab."
        self.metrics = MetricPlot(_METRICS, "step length n", tip)
        self.plot = self.metrics.plot
        plotted = titled("Plotted", self.metrics.box)
        column(Form(settings, SweepSettings.model_fields), plotted, self.metrics, None, inside=self)
        self.plot.picked.connect(self.picked)
        self.metrics.hide()
        document.events.revision.connect(self._offer)

    def begin(self) -> None:
        """Forget the points of an earlier sweep."""
        self.points = []
        self._plot()

    def add(self, point: "SweepPoint") -> None:
        """Plot one more step length."""
        self.points.append(point)
        self._plot()

    def _offer(self, _revision: int = 0) -> None:
        """Offer step lengths that the volume allows, unless the person wrote others."""
        stack, written = self.document.projections, self.settings.value("step_lengths")
        if stack is None or written != self._offered:
            return
        fitting = " ".join(n for n in DEFAULT_LENGTHS.split() if 2 * int(n) <= stack.shape[0])
        if fitting and fitting != written:
            self._offered = fitting
            self.settings.ask({"step_lengths": fitting})

    def _plot(self) -> None:
        self.metrics.setVisible(bool(self.points))
        self.metrics.show_metrics(self._curves)

    def _curves(self, key: str) -> list[Curve]:
        n = [point.step_length for point in self.points]
        if not n:
            return []
        return [
            Curve("reconstruction", n, [point.metrics[key] for point in self.points]),
            Curve("linear interpolation", n, [point.by_linear[key] for point in self.points], is_dashed=True),
        ]
