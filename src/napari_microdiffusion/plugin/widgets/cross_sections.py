"""Sections along z, drawn beside the viewer: xz and yz through the cursor, one row a volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from ...stacks.lazy import is_lazy
from ...stacks.placement import Placement
from .theme import Appearance

_GAP = 6
_TITLE = 18
_TALLEST, _SHORTEST = 220.0, 24.0
# How long the cursor rests before anything is read from a file.
_REST_MS = 150


@dataclass(frozen=True, eq=False)
class Shown:
    """A volume with its name.

    Attributes
    ----------
    name : str
    data : array_like, shape (Z, at most H, at most W)
        The volume, or the same at a coarser resolution along y and x.
    size : tuple of int, optional
        (Z, H, W) of the volume; that of `data` where None.
    """

    name: str
    data: Any
    size: tuple[int, int, int] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, H, W) of the volume."""
        depth, height, width = self.size or self.data.shape
        return depth, height, width

    @property
    def is_in_file(self) -> bool:
        """Whether it takes long to read a part of the data."""
        return is_lazy(self.data)

    @property
    def identity(self) -> Any:
        """The same for the same data."""
        return self.data.name if self.is_in_file else id(self.data)

    def pixel(self, y: int, x: int) -> tuple[int, int]:
        """Where a pixel of the volume lies in the data."""
        _, height, width = self.shape
        rows, columns = self.data.shape[1:]
        return y * rows // height, x * columns // width


class CrossSections(QWidget):
    """Pictures of the planes xz and yz of several volumes through the viewer's cursor.

    `moved` is emitted with the slice that the viewer shows. Clicks go to a slice. `wanted` is emitted once
    the point rests, with the volumes that lie in files, by number, each with its row and column there;
    whoever has read the sections of one gives them to `take`. With none, those before are wanted no more.
    """

    moved = Signal(int)
    wanted = Signal(object)

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
        self._read: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._is_wanted = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._want)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("<qt>xz (left) and yz (right) through the cursor. Click to go to a slice.</qt>")

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the theme."""
        self._appearance = appearance
        self.update()

    def show_volumes(self, volumes: Sequence[Shown], limits: tuple[float, float], place: Placement) -> None:
        """Show other volumes of one shape that lie in a place."""
        before = self._volumes[0].shape if self._volumes else ()
        if [one.identity for one in volumes] != [one.identity for one in self._volumes]:
            self._read, self._is_wanted = {}, False
            self._rest.stop()
            self.wanted.emit({})
        self._volumes, self._limits, self._place = volumes, limits, place
        self._aspect = place.scale[0] / place.scale[2]
        if volumes and volumes[0].shape != before:
            depth, height, width = volumes[0].shape
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
        self._rest.stop()
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
        if all(0 <= place < size for place, size in zip(moved, self._volumes[0].shape, strict=True)):
            is_other = tuple(moved[1:]) != self.point[1:]
            self.point = (moved[0], moved[1], moved[2])
            if is_other and any(volume.is_in_file for volume in self._volumes):
                self._rest.start()
            self.update()

    def take(self, number: int, xz: np.ndarray, yz: np.ndarray) -> None:
        """Show the sections of a volume that lies in a file."""
        self._read[number] = (xz, yz)
        self.update()

    def _want(self) -> None:
        _, y, x = self.point
        shown = {n: (one.data, *one.pixel(y, x)) for n, one in enumerate(self._volumes) if one.is_in_file}
        if shown:
            self.wanted.emit(shown)

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
        depth, height, width = self._volumes[0].shape
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
        depth = self._volumes[0].shape[0]
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
            depth, height, width = volume.shape
            across = ((x + 0.5) / width, (y + 0.5) / height)
            for box, section, at in zip((xz, yz), self._sections(number, y, x), across, strict=True):
                box.translate(0, top + _TITLE)
                if section is None:
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "reading …")
                    continue
                painter.drawImage(box, self._image(section))
                self._draw_cross(painter, box, (z + 0.5) / depth, at)
        painter.end()

    def _sections(self, number: int, y: int, x: int) -> tuple[Any, Any]:
        """Sections xz and yz of a volume; of one in a file as they were read last, None before that."""
        volume = self._volumes[number]
        if not volume.is_in_file:
            row, column = volume.pixel(y, x)
            return volume.data[:, row, :], volume.data[:, :, column]
        if number not in self._read and not self._is_wanted:
            self._is_wanted = True
            self._rest.start()
        return self._read.get(number, (None, None))

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
