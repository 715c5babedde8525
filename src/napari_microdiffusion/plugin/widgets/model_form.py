"""A form made from a settings' model, for settings that few people touch."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from .fields import (
    choice,
    optional_whole_number,
    real_number,
    title_label,
    tooltip,
    whole_number,
)
from .section import form

AUTOMATIC = "automatic"
_DECIMALS = 4


class ModelForm(QWidget):
    """A row for each field of a model, with its title, description, unit and range.

    `changed` is emitted when a value is changed.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        Its fields are choices, numbers, or switches; numbers may be unset.
    names : sequence of str
        The fields to show, in this order.
    unset : dict, optional
        How a number that is not set reads, where that is not "automatic".
    """

    changed = Signal()

    def __init__(
        self, model: type[BaseModel], names: tuple[str, ...], unset: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.boxes: dict[str, QWidget] = {}
        self.rows = form()
        self.rows.setContentsMargins(0, 0, 0, 0)
        for name in names:
            self.boxes[name] = self._box(name, (unset or {}).get(name, AUTOMATIC))
            self.rows.addRow(title_label(model, name), self.boxes[name])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self.rows)

    def values(self) -> dict[str, Any]:
        """What is set, by the fields' names."""
        return {name: self._value(name) for name in self.boxes}

    def show_values(self, values: BaseModel) -> None:
        """Show other settings."""
        for name, box in self.boxes.items():
            value = getattr(values, name)
            if isinstance(box, QComboBox):
                box.setCurrentIndex(box.findData(value))
            elif isinstance(box, QCheckBox):
                box.setChecked(value)
            elif isinstance(box, QSpinBox):
                box.setValue(0 if value is None else value)
            elif isinstance(box, QDoubleSpinBox):
                box.setValue(0.0 if value is None else value)

    def show_only(self, names: tuple[str, ...]) -> None:
        """Show the rows of some fields and hide the others."""
        for name, box in self.boxes.items():
            self.rows.setRowVisible(box, name in names)

    def _box(self, name: str, unset: str) -> QWidget:
        kinds = self._kinds(name)
        is_optional = type(None) in kinds
        if get_origin(self.model.model_fields[name].annotation) is Literal:
            box: Any = choice(self.model, name, {})
            box.currentIndexChanged.connect(self._tell)
        elif bool in kinds:
            box = QCheckBox()
            box.setToolTip(tooltip(self.model, name))
            box.setChecked(bool(self.model.model_fields[name].default))
            box.toggled.connect(self._tell)
        elif int in kinds:
            box = (
                optional_whole_number(self.model, name, unset)
                if is_optional
                else whole_number(self.model, name)
            )
            box.valueChanged.connect(self._tell)
        else:
            box = real_number(self.model, name, unset=unset if is_optional else "", decimals=_DECIMALS)
            box.valueChanged.connect(self._tell)
        return box

    def _value(self, name: str) -> Any:
        box = self.boxes[name]
        if isinstance(box, QComboBox):
            return box.currentData()
        if isinstance(box, QCheckBox):
            return box.isChecked()
        assert isinstance(box, QSpinBox | QDoubleSpinBox)
        is_unset = type(None) in self._kinds(name) and box.value() == box.minimum()
        return None if is_unset else box.value()

    def _kinds(self, name: str) -> tuple[Any, ...]:
        annotation = self.model.model_fields[name].annotation
        return get_args(annotation) or (annotation,)

    def _tell(self, *_: Any) -> None:
        self.changed.emit()
