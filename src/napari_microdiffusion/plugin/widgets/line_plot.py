"""Line plots drawn by Qt: quick, in the theme's colours, and every point can be clicked."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from .theme import Appearance

_MARGIN = 6.0
_TICK = 4.0
_KEY_HEIGHT = 16.0
_MOST_MARKERS = 30
# How opaque a band is, of 255.
_BAND = 70


@dataclass(frozen=True)
class Curve:
    """A named line; a point without a value breaks it.

    `deviation` is drawn as a band around a line without breaks.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    is_dashed: bool = False
    deviation: Sequence[float] = ()


class LinePlot(QWidget):
    """Curves over a common axis.

    `picked` is emitted with the x of the point that was clicked.

    Parameters
    ----------
    x_title : str
        What lies along the horizontal axis.
    height : int
        In pixels.
    is_logarithmic : bool
        Whether values are plotted by their logarithm where all are positive.
    """

    picked = Signal(float)

    def __init__(self, x_title: str, height: int = 150, is_logarithmic: bool = False) -> None:
        super().__init__()
        self.x_title, self.y_title = x_title, ""
        self._height, self._is_logarithmic = height, is_logarithmic
        self.curves: list[Curve] = []
        self._borders: Sequence[float] = ()
        self._cursor: float | None = None
        self._appearance = Appearance.plain()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(240, self._height)

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the theme."""
        self._appearance = appearance
        self.update()

    def show_curves(self, curves: Sequence[Curve], y_title: str = "", borders: Sequence[float] = ()) -> None:
        """Plot other curves; `borders` are faint vertical lines."""
        self.curves, self.y_title, self._borders = list(curves), y_title, borders
        self.update()

    def clear(self) -> None:
        """Plot nothing."""
        self.show_curves(())

    def add(self, x: float, y: float) -> None:
        """Add a point to the only curve, for a loss that is still being lowered."""
        old = self.curves[0] if self.curves else Curve("", (), ())
        self.curves = [Curve(old.name, [*old.x, x], [*old.y, y])]
        self.update()

    def set_cursor(self, x: float | None) -> None:
        """Mark a place along the horizontal axis."""
        if x != self._cursor:
            self._cursor = x
            self.update()

    # From values to pixels

    def _points(self, curve: Curve) -> list[tuple[float, float | None]]:
        values = [None if y is None or not isfinite(y) else y for y in curve.y]
        if self._logarithmic:
            values = [None if y is None else log10(y) for y in values]
        return list(zip(curve.x, values, strict=True))

    @property
    def _logarithmic(self) -> bool:
        return self._is_logarithmic and all(
            y is None or not isfinite(y) or y > 0 for curve in self.curves for y in curve.y
        )

    def _range(self) -> tuple[float, float, float, float] | None:
        points = [p for curve in self.curves for p in self._points(curve) if p[1] is not None]
        if not points:
            return None
        xs, ys = [x for x, _ in points], [y for _, y in points if y is not None]
        left, right, low, high = min(xs), max(xs), min(ys), max(ys)
        spread = (high - low) or abs(high) * 0.1 or 1.0
        return left, max(right, left + 1e-9), low - 0.06 * spread, high + 0.06 * spread

    def _area(self) -> QRectF:
        letters = self.fontMetrics()
        left = _MARGIN + letters.horizontalAdvance("-0.000") + _TICK
        key = _KEY_HEIGHT * ceil(len(self._named()) / 2) if self._named() else 0.0
        title = letters.height() if self.y_title else 0.0
        top = _MARGIN + key + title
        bottom = self.height() - _TICK - 2 * letters.height()
        return QRectF(left, top, max(10.0, self.width() - left - 2 * _MARGIN), max(10.0, bottom - top))

    def _named(self) -> list[tuple[int, Curve]]:
        return [(i, curve) for i, curve in enumerate(self.curves) if curve.name]

    def _nearest(self, position: QPointF) -> float | None:
        """The x of the point nearest to a place on the widget."""
        limits, area = self._range(), self._area()
        if limits is None or not area.adjusted(-4, -area.top(), 4, 0).contains(position):
            return None
        left, right, _, _ = limits
        x = left + (position.x() - area.left()) / area.width() * (right - left)
        return min((value for curve in self.curves for value in curve.x), key=lambda value: abs(value - x))

    # Mouse

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Pick the nearest point."""
        if event is not None and (x := self._nearest(event.position())) is not None:
            self.picked.emit(float(x))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Tell the values under the mouse."""
        if event is None:
            return
        x = self._nearest(event.position())
        self.setCursor(Qt.CursorShape.ArrowCursor if x is None else Qt.CursorShape.PointingHandCursor)
        if x is None:
            return
        lines = [f"{self.x_title} {x:g}"]
        for curve in self.curves:
            value = dict(zip(curve.x, curve.y, strict=True)).get(x)
            if value is not None:
                lines.append(f"{curve.name or self.y_title} {value:.4g}")
        QToolTip.showText(event.globalPosition().toPoint(), "\n".join(lines), self)

    # Drawing

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw axes, curves and their names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, limits = self._area(), self._range()
        look = self._appearance
        painter.setPen(QPen(QColor(look.line), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(area.bottomLeft(), area.topLeft())
        painter.setPen(QColor(look.dim))
        below = QRectF(area.left(), self.height() - self.fontMetrics().height(), area.width(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, self.x_title)
        if limits is not None:
            self._draw_ticks(painter, area, limits)
            self._draw_curves(painter, area, limits)
        self._draw_names(painter, area)
        painter.end()

    def _draw_ticks(self, painter: QPainter, area: QRectF, limits: tuple[float, float, float, float]) -> None:
        left, right, low, high = limits
        letters, look = self.fontMetrics(), self._appearance
        for value in ticks(low, high, max(2, int(area.height() / 32))):
            y = area.bottom() - (value - low) / (high - low) * area.height()
            painter.setPen(QPen(QColor(look.field), 1))
            painter.drawLine(QPointF(area.left() + 1, y), QPointF(area.right(), y))
            painter.setPen(QColor(look.dim))
            text = f"{10**value:.2g}" if self._logarithmic else f"{value:.4g}"
            place = QRectF(0, y - letters.height() / 2, area.left() - _TICK, letters.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        for value in ticks(left, right, max(2, int(area.width() / 60))):
            x = area.left() + (value - left) / (right - left) * area.width()
            painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + _TICK))
            place = QRectF(x - 30, area.bottom() + _TICK, 60, letters.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter, f"{value:g}")

    def _draw_curves(
        self, painter: QPainter, area: QRectF, limits: tuple[float, float, float, float]
    ) -> None:
        left, right, low, high = limits

        def place(x: float, y: float) -> QPointF:
            return QPointF(
                area.left() + (x - left) / (right - left) * area.width(),
                area.bottom() - (y - low) / (high - low) * area.height(),
            )

        for border in self._borders:
            painter.setPen(QPen(QColor(self._appearance.field), 1))
            painter.drawLine(place(border, low), place(border, high))
        if self._cursor is not None and left <= self._cursor <= right:
            painter.setPen(QPen(QColor(self._appearance.mark), 2))
            painter.drawLine(place(self._cursor, low), place(self._cursor, high))
        for number, curve in enumerate(self.curves):
            pen = self._pen(number, curve)
            edges = [
                [place(x, min(max(y + sign * spread, low), high)) for x, y, spread in _spread(curve)]
                for sign in (-1, 1)
            ]
            band = pen.color()
            band.setAlpha(_BAND)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(band)
            painter.drawPolygon(QPolygonF([*edges[0], *edges[1][::-1]]))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pieces: list[list[QPointF]] = [[]]
            for x, y in self._points(curve):
                if y is None:
                    pieces.append([])
                else:
                    pieces[-1].append(place(x, y))
            painter.setPen(pen)
            for piece in pieces:
                painter.drawPolyline(QPolygonF(piece))
            if len(curve.x) <= _MOST_MARKERS or any(len(piece) == 1 for piece in pieces):
                painter.setBrush(pen.color())
                for piece in pieces:
                    for point in piece if len(curve.x) <= _MOST_MARKERS or len(piece) == 1 else ():
                        painter.drawEllipse(point, 2.5, 2.5)
                painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_names(self, painter: QPainter, area: QRectF) -> None:
        letters, look = self.fontMetrics(), self._appearance
        painter.setPen(QColor(look.text))
        painter.drawText(QPointF(_MARGIN, _MARGIN + letters.ascent() - 3), self.y_title)
        top = _MARGIN + (letters.height() if self.y_title else 0)
        width = (self.width() - 2 * _MARGIN) / 2
        for index, (number, curve) in enumerate(self._named()):
            x = _MARGIN + width * (index % 2)
            y = top + _KEY_HEIGHT * (index // 2) + _KEY_HEIGHT / 2
            painter.setPen(self._pen(number, curve))
            painter.drawLine(QPointF(x, y), QPointF(x + 16, y))
            painter.setPen(QColor(look.text))
            text = letters.elidedText(curve.name, Qt.TextElideMode.ElideMiddle, int(width - 26))
            painter.drawText(QPointF(x + 20, y + letters.ascent() / 2 - 1), text)

    def _pen(self, number: int, curve: Curve) -> QPen:
        colours = self._appearance.series
        pen = QPen(QColor(colours[number % len(colours)]), 1.6)
        if curve.is_dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        return pen


def _spread(curve: Curve) -> list[tuple[float, float, float]]:
    """Points of a curve with a deviation."""
    points = zip(curve.x, curve.y, curve.deviation, strict=False)
    return [(x, y, spread) for x, y, spread in points if y is not None]


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high, about as many as asked for."""
    rough = (high - low) / max(about, 1)
    if not rough > 0 or not isfinite(rough):
        return []
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [index * step for index in range(ceil(low / step), floor(high / step) + 1)]
