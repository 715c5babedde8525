"""The two tabs of the dock "Simulate projections": one step length, or many and what they cost."""

import re
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from ...errors import UsageError
from ...optics import Acquisition, check_step_lengths
from ...settings.method import ReconstructionConfig
from ..jobs.job import spare_threads
from ..layers.placement import short_unit
from ..layers.stack import Stack
from ..widgets.fields import LABEL_WIDTH, narrow, title_label, whole_number
from ..widgets.line_plot import Curve, LinePlot
from ..widgets.metric_plot import plot_heading
from ..widgets.section import form, label

if TYPE_CHECKING:
    from ...studies.step_length_sweep import SweepPoint

_DEFAULT = (2, 3, 4, 6, 8, 12, 16)
_METRICS = ("null_space_r2", "psnr", "ssim", "dice")
_METHODS = {"log-spline (fast)": {"guide": "logspline", "diffusion": "off"}, "default method": {}}


class ProjectionsTab(QWidget):
    """One step length."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.step_length = whole_number(Acquisition, "step_length")
        self.step_length.setValue(6)
        self._output = label(tone="dim", wrap=True)
        layout = form()
        layout.addRow(title_label(Acquisition, "step_length"), self.step_length)
        layout.addRow(self._output)
        self.setLayout(layout)
        self.step_length.valueChanged.connect(self._tell)

    def describe(self, stack: Stack | None) -> None:
        """Say what projections of a volume there will be."""
        n = self.step_length.value()
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

    def _tell(self, _value: int) -> None:
        self.changed.emit()


class SweepTab(QWidget):
    """Many step lengths, and a plot of how well the volume comes back from each.

    `picked` is emitted with a step length that was clicked.
    """

    changed = Signal()
    picked = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.points: list[SweepPoint] = []
        self._swept: Stack | None = None
        self._offered = " ".join(map(str, _DEFAULT))
        self.lengths = QLineEdit(self._offered)
        self.lengths.setObjectName("step lengths")
        self.lengths.setToolTip("<qt>Step lengths to try, in slices, separated by blanks.</qt>")
        self.method = narrow(QComboBox())
        self.method.setToolTip(
            "<qt>The log-spline takes seconds for each step length; the default method adds the diffusion, "
            "which takes longer.</qt>"
        )
        for word, settings in _METHODS.items():
            self.method.addItem(word, settings)
        self.metric_box = narrow(QComboBox())
        self.metric_box.setToolTip("<qt>What is plotted against the step length.</qt>")
        for key in _METRICS:
            self.metric_box.addItem(plot_heading(key), key)
        self.plot = LinePlot("step length n", height=190)
        self.plot.setToolTip("<qt>Click to take a step length over to the first tab.</qt>")
        layout = form()
        title = label("Step lengths")
        title.setMinimumWidth(LABEL_WIDTH)
        layout.addRow(title, self.lengths)
        layout.addRow(label("Method"), self.method)
        layout.addRow(label("Plotted"), self.metric_box)
        column = QVBoxLayout(self)
        column.addLayout(layout)
        column.addWidget(self.plot)
        self.lengths.textChanged.connect(self._tell)
        self.metric_box.currentIndexChanged.connect(self._plot)
        self.plot.picked.connect(self.picked)
        self.plot.hide()

    def step_lengths(self, depth: int) -> list[int]:
        """The step lengths as they are written, for a volume of so many slices.

        Raises
        ------
        UsageError
            For what is no number, or a step length that cannot be.
        """
        words = [word for word in re.split(r"[\s,;]+", self.lengths.text()) if word]
        for word in words:
            if not word.isdecimal():
                raise UsageError(f"step lengths must be whole numbers separated by blanks; {word!r} is none")
        return check_step_lengths([int(word) for word in words], depth)

    def config(self) -> ReconstructionConfig:
        """The method, without samples: the sweep compares volumes."""
        return ReconstructionConfig(samples=0, threads=spare_threads(), **self.method.currentData())

    def set_volume(self, stack: Stack | None) -> None:
        """Offer step lengths that a volume allows, unless the person wrote others."""
        if stack is None or self.lengths.text() != self._offered:
            return
        fitting = [n for n in _DEFAULT if 2 * n <= stack.shape[0]]
        if fitting and fitting != list(map(int, self._offered.split())):
            self._offered = " ".join(map(str, fitting))
            self.lengths.setText(self._offered)

    def begin(self, stack: Stack) -> None:
        """Forget the points of an earlier sweep."""
        self.points, self._swept = [], stack
        self._plot()

    def add(self, point: "SweepPoint") -> None:
        """Plot one more step length."""
        self.points.append(point)
        self._plot()

    def answer(self) -> str:
        """How deep the beam may be, in a sentence."""
        from ...studies.step_length_sweep import HALF, deepest

        found = deepest(self.points)
        if found is None:
            n = self.points[0].step_length
            return f"Already at n = {n}, less than half of what no projection sees comes back (R² < {HALF})."
        n, r2 = found.step_length, found.metrics["null_space_r2"]
        depth = ""
        if self._swept is not None and self._swept.placement.is_known:
            placement = self._swept.placement
            depth = f", a beam of {n * placement.scale[0]:.3g} {short_unit(placement.units[0])}"
        return (
            f"Up to n = {n}{depth}, more than half of what no projection sees comes back "
            f"(null-space R² {r2:.2f})."
        )

    def _plot(self, _index: int = 0) -> None:
        key = self.metric_box.currentData()
        n = [point.step_length for point in self.points]
        self.plot.setVisible(bool(n))
        curves = [
            Curve("reconstruction", n, [point.metrics[key] for point in self.points]),
            Curve("linear interpolation", n, [point.by_linear[key] for point in self.points], is_dashed=True),
        ]
        self.plot.show_curves(curves if n else (), plot_heading(key))

    def _tell(self, _text: str) -> None:
        self.changed.emit()
