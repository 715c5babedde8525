"""Which places along one further axis of a layer are used: one, some, all, or their mean."""

from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSpinBox, QWidget

from .form import ignore_wheel, narrow
from .section import call, column, label, row

MEAN, ALL, SOME = "mean of all", "all", "from … to …"
# What stands for them in the box, where an index is 0 or above.
_MEAN, _ALL, _SOME = -1, -2, -3


class AxisChooser(QWidget):
    """A box with the places of an axis, and the first and last of some.

    `changed` is emitted when others are chosen.

    Parameters
    ----------
    word : str
        What the axis is of, such as "time".
    size : int
        Places along it.
    shown : int
        The place that is chosen at first.
    has_mean : bool
        Whether the mean of all may be chosen.
    may_be_several : bool
        Whether several may be chosen, each by itself.
    """

    changed = Signal()

    def __init__(self, word: str, size: int, shown: int, has_mean: bool, may_be_several: bool) -> None:
        super().__init__()
        self._size = size
        choices: list[tuple[str, Any]] = [(str(index), index) for index in range(size)]
        several = [(ALL, _ALL), (SOME, _SOME)] if may_be_several and size > 1 else []
        mean = [(MEAN, _MEAN)] if has_mean else []
        self.box = ComboBox(choices=[*choices, *several, *mean], value=shown)
        self.first, self.last = _number(f"first {word}", size), _number(f"last {word}", size)
        self.last.setValue(size - 1)
        self._range = QWidget()
        column(row(self.first, label("to"), self.last), inside=self._range)
        column(narrow(self.box.native, 4), self._range, inside=self)
        self._range.hide()
        self.setFocusProxy(self.box.native)
        self.box.changed.connect(self._choose)
        self.first.valueChanged.connect(self._move_first)
        self.last.valueChanged.connect(self._move_last)

    @property
    def choice(self) -> tuple[int | None, ...]:
        """The indices that are chosen; None is the mean of all."""
        value = self.box.value
        if value == _MEAN:
            return (None,)
        if value == _ALL:
            return tuple(range(self._size))
        if value == _SOME:
            return tuple(range(self.first.value(), self.last.value() + 1))
        return (int(value),)

    def release(self) -> None:
        """Let go; the axis is another, or the dock is going."""
        self.box.changed.disconnect()
        self.box.close()

    def _choose(self, value: Any) -> None:
        self._range.setVisible(value == _SOME)
        self.changed.emit()

    def _move_first(self, value: int) -> None:
        self.last.setMinimum(value)
        self.changed.emit()

    def _move_last(self, value: int) -> None:
        self.first.setMaximum(value)
        self.changed.emit()


def _number(name: str, size: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, size - 1)
    box.setObjectName(name)
    ignore_wheel(box)
    call(box, name, "Counted from 0, as the viewer's slider counts; the last one is used too.")
    return box
