"""A strip that shows a beam along its axis, in its slab and beyond."""

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from ...optics.beam.sampling import SampledBeam
from ..widgets.theme import Appearance

HEIGHT = 56


class ProfilePlot(QWidget):
    """Bars of the axial weights; the slab is shaded, and what reaches beyond it has another colour."""

    def __init__(self) -> None:
        super().__init__()
        self._weights, self._first, self._step_length = np.ones(1), 0, 1
        self._appearance = Appearance.plain()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A strip."""
        return QSize(90, HEIGHT)

    @property
    def beyond(self) -> float:
        """Share of the light that comes from beyond the slab."""
        slices = np.arange(len(self._weights)) + self._first
        outside = (slices < 0) | (slices >= self._step_length)
        return float(self._weights[outside].sum() / self._weights.sum())

    def show_beam(self, beam: SampledBeam, step_length: int) -> None:
        """Plot another beam."""
        self._weights, self._first, self._step_length = beam.profile, beam.first, step_length
        share = self.beyond
        text = (
            f" {share:.0%} of the light comes from the slabs before and behind."
            if share > 0
            else " All light comes from the slab itself."
        )
        self.setToolTip(
            "<qt>Axial profile: how much each slice counts in a slab's projection. The slab lies between the "
            f"dashed lines.{text}</qt>"
        )
        self.update()

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the theme."""
        self._appearance = appearance
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        low = min(self._first, 0) - 1
        high = max(self._first + len(self._weights), self._step_length) + 1
        step, base = self.width() / (high - low), self.height() - 1.0
        look, n = self._appearance, self._step_length
        slab = QColor(look.dim)
        slab.setAlphaF(0.15)
        painter.fillRect(QRectF(-low * step, 0, n * step, base), slab)
        inside, outside = QColor(look.text), QColor(look.warning)
        gap, top = (1.0 if step > 4 else 0.0), float(self._weights.max())
        for index, weight in enumerate(self._weights):
            place = self._first + index
            height = (base - 4) * float(weight) / top
            bar = QRectF((place - low) * step, base - height, max(1.0, step - gap), height)
            painter.fillRect(bar, inside if 0 <= place < n else outside)
        painter.setPen(QPen(QColor(look.dim), 1, Qt.PenStyle.DashLine))
        for edge in (0, n):
            painter.drawLine(QPointF((edge - low) * step, 0), QPointF((edge - low) * step, base))
        painter.setPen(QPen(QColor(look.dim), 1))
        painter.drawLine(QPointF(0, base + 0.5), QPointF(self.width(), base + 0.5))
        painter.end()
