"""Sections along z, drawn beside the viewer: xz and yz through the cursor, one row a volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from ...stacks.placement import Placement
from .theme import Appearance

_GAP = 6
_TITLE = 18
_TALLEST, _SHORTEST = 220.0, 24.0


@dataclass(frozen=True, eq=False)
class Shown:
    """A volume (Z, H, W) with its name."""

    name: str
    data: Any


class CrossSections(QWidget):
    """Pictures of the planes xz and yz of several volumes through the viewer's cursor.

    `moved` is emitted with the slice that the viewer shows. Clicks go to a slice.
    """

    moved = Signal(int)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._place = viewer, Placement()
        viewer.dims.events.point.connect(self.follow)
        viewer.mouse_move_callbacks.append(self._mouse_moved)
        self._volumes: Sequence[Shown] = ()
        self._limits = (0.0, 1.0)
        self._aspect = 1.0
        self.point = (0, 0, 0)
        self._appearance = Appearance.plain()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("<qt>xz (left) and yz (right) through the cursor. Click to go to a slice.</qt>")

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the theme."""
        self._appearance = appearance
        self.update()

    def show_volumes(self, volumes: Sequence[Shown], limits: tuple[float, float], place: Placement) -> None:
        """Show other volumes of one shape that lie in a place."""
        before = self._volumes[0].data.shape if self._volumes else ()
        self._volumes, self._limits, self._place = volumes, limits, place
        self._aspect = place.scale[0] / place.scale[2]
        if volumes and volumes[0].data.shape != before:
            depth, height, width = volumes[0].data.shape
            self.point = (depth // 2, height // 2, width // 2)
        self._fit()
        self.follow()

    def follow(self, _event: Any = None) -> None:
        """Go to the slice that the viewer shows."""
        dims = self._viewer.dims
        if self._volumes and dims.ndim >= 3:
            z = round((dims.point[dims.ndim - 3] - self._place.translate[0]) / self._place.scale[0])
            self.go_to(z=z)
            self.moved.emit(z)

    def show_slice(self, z: float) -> None:
        """Show a slice of the volumes in the viewer."""
        dims = self._viewer.dims
        if self._volumes and dims.ndim >= 3:
            dims.set_point(dims.ndim - 3, self._place.translate[0] + z * self._place.scale[0])

    def release(self) -> None:
        """Let go of the viewer; the dock is going."""
        self._viewer.dims.events.point.disconnect(self.follow)
        self._viewer.mouse_move_callbacks.remove(self._mouse_moved)
        self._volumes = ()

    def _mouse_moved(self, viewer: Viewer, event: Any) -> None:
        if (
            not self._volumes
            or not self.isVisibleTo(self.window())
            or len(event.position) < 3
            or viewer.dims.ndisplay == 3
        ):
            return
        translate, scale = self._place.translate, self._place.scale
        y, x = (round((event.position[axis] - translate[axis]) / scale[axis]) for axis in (-2, -1))
        self.go_to(y=y, x=x)

    def go_to(self, z: int | None = None, y: int | None = None, x: int | None = None) -> None:
        """Move the point; a place outside the volumes is ignored."""
        if not self._volumes:
            return
        moved = [old if new is None else new for old, new in zip(self.point, (z, y, x), strict=True)]
        if all(0 <= place < size for place, size in zip(moved, self._volumes[0].data.shape, strict=True)):
            self.point = (moved[0], moved[1], moved[2])
            self.update()

    def sizeHint(self) -> QSize:
        """As tall as the pictures are."""
        return QSize(240, self.height())

    def resizeEvent(self, event: Any) -> None:
        """Keep the pictures' proportions."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        tall = round((self._boxes()[0].height() + _TITLE + _GAP) * len(self._volumes))
        if tall != self.height():
            self.setFixedHeight(max(tall, 1))
        self.update()

    def _boxes(self) -> tuple[QRectF, QRectF]:
        """Where xz and yz lie below a title, at the same magnification."""
        if not self._volumes:
            return QRectF(), QRectF()
        depth, height, width = self._volumes[0].data.shape
        zoom = max(self.width() - _GAP, 20) / (width + height)
        tall = depth * self._aspect * zoom
        if tall > _TALLEST:
            zoom *= _TALLEST / tall
        tall = max(depth * self._aspect * zoom, _SHORTEST)
        return QRectF(0, 0, width * zoom, tall), QRectF(width * zoom + _GAP, 0, height * zoom, tall)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the slice that was clicked."""
        if event is None or not self._volumes:
            return
        tall = self._boxes()[0].height()
        place = event.position().y() % (tall + _TITLE + _GAP) - _TITLE
        depth = self._volumes[0].data.shape[0]
        if 0 <= place < tall:
            self.show_slice(int(place / tall * depth))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        look, letters = self._appearance, self.fontMetrics()
        z, y, x = self.point
        for number, volume in enumerate(self._volumes):
            xz, yz = self._boxes()
            top = number * (xz.height() + _TITLE + _GAP)
            title = QRectF(0, top, self.width(), _TITLE)
            painter.setPen(QColor(look.dim))
            name = letters.elidedText(volume.name, Qt.TextElideMode.ElideMiddle, self.width())
            painter.drawText(title, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
            sections = ((xz, volume.data[:, y, :], x), (yz, volume.data[:, :, x], y))
            for box, section, across in sections:
                box.translate(0, top + _TITLE)
                painter.drawImage(box, self._image(section))
                self._draw_cross(
                    painter, box, (z + 0.5) / section.shape[0], (across + 0.5) / section.shape[1]
                )
        painter.end()

    def _draw_cross(self, painter: QPainter, box: QRectF, down: float, across: float) -> None:
        painter.setPen(QPen(QColor(self._appearance.series[1]), 1, Qt.PenStyle.DotLine))
        y, x = box.top() + down * box.height(), box.left() + across * box.width()
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))

    def _image(self, section: Any) -> QImage:
        low, high = self._limits
        grey = (np.asarray(section, np.float32) - low) * (255 / max(high - low, 1e-30))
        pixels = np.ascontiguousarray(grey.clip(0, 255).astype(np.uint8))
        height, width = pixels.shape
        # A copy, since the image does not keep the array alive.
        return QImage(pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()
