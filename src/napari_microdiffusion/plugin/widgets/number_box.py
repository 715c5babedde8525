"""A box for numbers that shows the decimals that a value needs and reads a decimal point or comma."""

from functools import cache
from typing import Any

from magicgui import use_app
from qtpy.QtCore import QSize
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox

# Of the digits of a box's narrowest shape; its arrows and its unit come on top.
_DIGITS = 5


class NumberBox(QDoubleSpinBox):
    """The box."""

    def textFromValue(self, value: float) -> str:
        """The number without zeros at its end."""
        text, point = super().textFromValue(value), self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Say whether a text is a number; a comma is a point, and separators of groups are refused."""
        written = text or ""
        number = written.removeprefix(self.prefix()).removesuffix(self.suffix())
        if number != self.specialValueText():
            if number.count(".") + number.count(",") > 1:
                return QValidator.State.Invalid, written, position
            point = self.locale().decimalPoint()
            written = written.replace(number, number.replace(",", ".").replace(".", str(point)))
        return super().validate(written, position)

    def minimumSizeHint(self) -> QSize:
        """Room for some digits: Qt would ask for those of the largest number that is allowed."""
        hint, letters = super().minimumSizeHint(), self.fontMetrics()
        digits = letters.horizontalAdvance("0" * _DIGITS + self.suffix())
        special = letters.horizontalAdvance(self.specialValueText())
        hint.setWidth(max(digits, special) + hint.height() + hint.height() // 3)
        return hint

    def sizeHint(self) -> QSize:
        """As narrow; forms stretch it."""
        return self.minimumSizeHint()


@cache
def number_box() -> type:
    """What magicgui's `create_widget` takes as the type of a field that is such a box."""
    ranged = use_app().get_obj("FloatSpinBox")

    class Number(ranged):  # type: ignore[valid-type, misc]
        def __init__(self, **options: Any) -> None:
            super(ranged, self).__init__(NumberBox, **options)

    return Number
