"""Step length and axial profile of the beam."""

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QSize
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..optics import Acquisition
from ..optics.beams import axial_profile
from .appearance import Appearance
from .fields import choice, title_label, whole_number
from .placement import short_unit
from .projections_section import Projections
from .section import Section, form, label, row, set_tone

BEAM_WORDS = {"uniform": "Uniform", "bessel": "Bessel (Gaussian)", "airy": "Airy (lopsided)"}


class ProfilePlot(QWidget):
    """Bars of the axial weights, the slab from its first slice to its last."""

    def __init__(self) -> None:
        super().__init__()
        self._weights = np.ones(1)
        self._colour = QColor("gray")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("<qt>Axial profile: how much each slice of a slab counts in its projection.</qt>")

    def sizeHint(self) -> QSize:
        """A strip."""
        return QSize(90, 26)

    def show_weights(self, weights: np.ndarray) -> None:
        """Plot other weights."""
        self._weights = np.asarray(weights)
        self.update()

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the theme."""
        self._colour = QColor(appearance.dim)
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        top = float(self._weights.max())
        # Margins beside the bars show the slab's ends.
        step = self.width() / (len(self._weights) + 2)
        gap = 1.0 if step > 4 else 0.0
        for index, weight in enumerate(self._weights):
            height = int((self.height() - 4) * float(weight) / top)
            left, right = int((index + 1) * step), int((index + 2) * step - gap)
            painter.fillRect(left, self.height() - 1 - height, max(1, right - left), height, self._colour)
        painter.setPen(QPen(self._colour, 1))
        base = self.height() - 0.5
        painter.drawLine(QPointF(0, base), QPointF(self.width(), base))
        painter.end()


class BeamSection(Section):
    """What is known of the beam."""

    def __init__(self) -> None:
        super().__init__("Beam", is_open=True)
        self.step_length = whole_number(Acquisition, "step_length")
        self.step_length.setValue(6)
        self.step_length.setFixedWidth(76)
        self._source = label(tone="dim")
        self._suggested: tuple[int, str] | None = None
        self.beam = choice(Acquisition, "beam", BEAM_WORDS)
        self.plot = ProfilePlot()
        self._output = label(wrap=True)
        self._projections: Projections | None = None
        layout = form()
        layout.addRow(title_label(Acquisition, "step_length"), row(self.step_length, self._source))
        layout.addRow(title_label(Acquisition, "beam"), row(self.beam, self.plot, stretch=1))
        layout.addRow(self._output)
        self.set_content(layout)
        self.step_length.valueChanged.connect(self._update)
        self.beam.currentIndexChanged.connect(self._update)
        self._update()

    def settings(self) -> dict[str, Any]:
        """Fields of the acquisition that are set here."""
        return {"step_length": self.step_length.value(), "beam": self.beam.currentData()}

    @property
    def provenance(self) -> str:
        """How the step length is known."""
        n = self.step_length.value()
        if self._projections is None:
            return ""
        if self._suggested is None:
            return "not in the file: check it"
        return self._suggested[1] if self._suggested[0] == n else "set by hand"

    def take_from(self, projections: Projections | None) -> None:
        """Fill in what is known of other projections."""
        self._projections = projections
        self._suggested = None if projections is None else projections.suggest_step_length()
        if self._suggested is not None:
            self.step_length.setValue(self._suggested[0])
        if projections is not None:
            index = self.beam.findData(projections.known.get("beam"))
            if index >= 0:
                self.beam.setCurrentIndex(index)
        self._update()

    def _update(self, *_: Any) -> None:
        n = self.step_length.value()
        self.plot.show_weights(axial_profile(self.beam.currentData(), n))
        source = self.provenance
        is_known = source == "from file"
        self._source.setText(f"{source} ✓" if is_known else source)
        set_tone(self._source, "dim" if is_known or not source else "warning")
        self._output.setText(self._describe_output(n))
        self.set_state(f"n = {n}, {self.beam.currentText().split(' ')[0].lower()}")
        self.changed.emit()

    def _describe_output(self, n: int) -> str:
        if self._projections is None:
            return f"slab → {n} slices"
        slabs = self._projections.shape[0]
        placement = self._projections.placement
        if not placement.is_known:
            return f"{slabs} slabs → {slabs * n} slices"
        unit, depth = short_unit(placement.units[0]), placement.scale[0]
        return f"slab {depth:.3g} {unit} → {slabs * n} slices of {depth / n:.3g} {unit}"
