"""Input fields made from the settings' models: title, description, unit and range are written there, once."""

from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QSpinBox, QWidget

Model = type[BaseModel]

LABEL_WIDTH = 96
"""Wide enough for most labels, so that the fields of all sections begin at the same place."""

_LARGEST_INT = 2**31 - 1


def title_label(model: Model, name: str) -> QLabel:
    """The label of a field, with its description as tooltip."""
    made = QLabel(title(model, name))
    made.setMinimumWidth(LABEL_WIDTH)
    made.setToolTip(tooltip(model, name))
    return made


def title(model: Model, name: str) -> str:
    """The field's title."""
    return model.model_fields[name].title or name.replace("_", " ")


def tooltip(model: Model, name: str) -> str:
    """The field's description with its unit, as rich text, so that Qt wraps it."""
    field = model.model_fields[name]
    unit = _unit(field)
    text = (field.description or "") + (f" In {unit}." if unit else "")
    return f"<qt>{text}</qt>"


def whole_number(model: Model, name: str) -> QSpinBox:
    """A box for a whole number, within the field's range."""
    field = model.model_fields[name]
    low, high = _range(field)
    box = QSpinBox()
    box.setRange(int(max(low, -_LARGEST_INT)), int(min(high, _LARGEST_INT)))
    if isinstance(field.default, int):
        box.setValue(field.default)
    return _prepared(box, model, name)


def optional_whole_number(model: Model, name: str, unset: str) -> QSpinBox:
    """A box for a whole number above zero, where zero stands for None and reads as `unset`."""
    box = whole_number(model, name)
    box.setMinimum(0)
    box.setSpecialValueText(unset)
    box.setValue(model.model_fields[name].default or 0)
    return box


def real_number(
    model: Model, name: str, largest: float = 1e9, unset: str = "", decimals: int = 2
) -> QDoubleSpinBox:
    """A box for a number; with `unset`, its lowest value stands for None and reads so."""
    field = model.model_fields[name]
    low, high = _range(field)
    box = QDoubleSpinBox()
    box.setRange(0.0 if unset else max(low, -largest), min(high, largest))
    box.setDecimals(decimals)
    # Steps that suit the value: a tenth of its leading digit.
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    unit = _unit(field)
    if unit and len(unit) < 6:
        box.setSuffix(f" {unit}")
    if unset:
        box.setSpecialValueText(unset)
    if isinstance(field.default, (int, float)):
        box.setValue(float(field.default))
    return _prepared(box, model, name)


def choice(model: Model, name: str, words: dict[str, str]) -> QComboBox:
    """A box of the field's choices; `words` gives the order and each value as people read it."""
    box = QComboBox()
    allowed = get_args(model.model_fields[name].annotation)
    for value in sorted(allowed, key=lambda value: [*words, value].index(value)):
        box.addItem(words.get(value, value), value)
    box.setCurrentIndex(max(0, box.findData(model.model_fields[name].default)))
    return _prepared(box, model, name)


def narrow(box: QComboBox, characters: int = 10) -> QComboBox:
    """Let a box of long choices shrink with the dock."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(characters)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelToScroll.instance())
    return box


def switch(widget: QWidget, reason: str, meaning: str) -> None:
    """Switch a field or a button off for a reason, or on; its tooltip says which."""
    widget.setEnabled(not reason)
    widget.setToolTip(f"<qt>{reason}</qt>" if reason else meaning)


def _prepared(box: Any, model: Model, name: str) -> Any:
    box.setObjectName(name)
    box.setToolTip(tooltip(model, name))
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelToScroll.instance())
    edit = box.lineEdit()
    if edit is not None:
        edit.setAcceptDrops(False)  # files dropped anywhere on the dock are opened
    return box


class _WheelToScroll(QObject):
    """The wheel over a field scrolls the dock instead of changing a value that nobody meant to change."""

    _only: "_WheelToScroll | None" = None

    @classmethod
    def instance(cls) -> "_WheelToScroll":
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Leave the wheel to the parent unless the field has the focus."""
        is_wheel = event is not None and event.type() == QEvent.Type.Wheel
        if event is None or not is_wheel or not isinstance(watched, QWidget) or watched.hasFocus():
            return False
        event.ignore()
        return True


def _range(field: FieldInfo) -> tuple[float, float]:
    low, high = float("-inf"), float("inf")
    for limit in field.metadata:
        if isinstance(limit, Ge):
            low = float(limit.ge)  # type: ignore[arg-type]
        elif isinstance(limit, Gt):
            low = float(limit.gt)  # type: ignore[arg-type]
        elif isinstance(limit, Le):
            high = float(limit.le)  # type: ignore[arg-type]
        elif isinstance(limit, Lt):
            high = float(limit.lt)  # type: ignore[arg-type]
    return low, high


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
