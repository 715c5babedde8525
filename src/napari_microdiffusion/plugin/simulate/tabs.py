"""The two tabs of the dock "Simulate projections": one step length, or many and what they cost."""

import re
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...errors import UsageError
from ...optics import check_step_lengths
from ...settings.method import ReconstructionConfig
from ..document import STEP_LENGTH, FormSettings, RunDocument
from ..jobs.job import spare_threads
from ..layers.placement import short_unit
from ..layers.stack import Stack
from ..widgets.form import LABEL_WIDTH, Form
from ..widgets.line_plot import Curve
from ..widgets.metric_plot import MetricPlot
from ..widgets.section import form, label

if TYPE_CHECKING:
    from ...studies.step_length_sweep import SweepPoint

_DEFAULT = (2, 3, 4, 6, 8, 12, 16)
_METRICS = ("null_space_r2", "psnr", "ssim", "dice")


class SweepSettings(BaseModel):
    """What a sweep tries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_lengths: str = Field(
        " ".join(map(str, _DEFAULT)),
        title="Step lengths",
        description="Step lengths to try, in slices, separated by blanks.",
    )
    method: Literal["log-spline (fast)", "default method"] = Field(
        "log-spline (fast)",
        title="Method",
        description="The log-spline takes seconds for each step length; the default method adds the "
        "diffusion, which takes longer.",
    )


class ProjectionsTab(QWidget):
    """One step length.

    Parameters
    ----------
    document : RunDocument
    """

    def __init__(self, document: RunDocument) -> None:
        super().__init__()
        self.document = document
        self._output = label(tone="dim", wrap=True)
        column = QVBoxLayout(self)
        column.addWidget(Form(document, (STEP_LENGTH,)))
        column.addWidget(self._output)
        column.addStretch(1)
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
    document : RunDocument
    settings : FormSettings
        Of the model `SweepSettings`.
    """

    picked = Signal(float)

    def __init__(self, document: RunDocument, settings: FormSettings) -> None:
        super().__init__()
        self.document, self.settings = document, settings
        self.points: list[SweepPoint] = []
        self._swept: Stack | None = None
        self._offered: str = settings.value("step_lengths")
        tip = "Click to take a step length over to the first tab."
        self.metrics = MetricPlot(_METRICS, "step length n", tip)
        self.plot = self.metrics.plot
        rows = form()
        title = label("Plotted")
        title.setMinimumWidth(LABEL_WIDTH)
        rows.addRow(title, self.metrics.box)
        column = QVBoxLayout(self)
        column.addWidget(Form(settings, SweepSettings.model_fields))
        column.addLayout(rows)
        column.addWidget(self.metrics)
        column.addStretch(1)
        self.plot.picked.connect(self.picked)
        self.metrics.hide()
        document.events.revision.connect(self._offer)

    def step_lengths(self, depth: int) -> list[int]:
        """The step lengths as they are written, for a volume of so many slices.

        Raises
        ------
        UsageError
            For what is no number, or a step length that cannot be.
        """
        words = [word for word in re.split(r"[\s,;]+", self.settings.value("step_lengths")) if word]
        for word in words:
            if not word.isdecimal():
                raise UsageError(f"step lengths must be whole numbers separated by blanks; {word!r} is none")
        return check_step_lengths([int(word) for word in words], depth)

    def config(self) -> ReconstructionConfig:
        """The method, without samples: the sweep compares volumes."""
        config = ReconstructionConfig(samples=0, threads=spare_threads())
        if self.settings.value("method") == "default method":
            return config
        return config.model_copy(update={"guide": "logspline", "diffusion": "off"})

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
            depth = f", a step of {n * placement.scale[0]:.3g} {short_unit(placement.units[0])}"
        return (
            f"Up to n = {n}{depth}, more than half of what no projection sees comes back "
            f"(null-space R² {r2:.2f})."
        )

    def _offer(self, _revision: int = 0) -> None:
        """Offer step lengths that the volume allows, unless the person wrote others."""
        stack, written = self.document.projections, self.settings.value("step_lengths")
        if stack is None or written != self._offered:
            return
        fitting = " ".join(str(n) for n in _DEFAULT if 2 * n <= stack.shape[0])
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
