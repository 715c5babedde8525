"""Forms made from the settings' models: title, description, unit and range are written there, once.

A form is bound to the settings of a dock: each of its fields shows a value and writes what a person types.
Where None is a value of a number, the lowest entry of its box stands for it and reads "automatic".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from magicgui.widgets import Container, create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QWidget

from ...settings.fields import SettingsField
from ..document import FormSettings
from .number_box import number_box
from .section import LABEL_WIDTH, call, column

AUTOMATIC = "automatic"
_DECIMALS = 6
_LARGEST = 1e9
# What stands for None among choices: magicgui tells of no change to None.
_NO_CHOICE = ""
_LARGEST_INT = 2**63 - 1


class BoundField:
    """One field of a form.

    Parameters
    ----------
    path : str
        Of the field, dotted.
    words : mapping, optional
        For a choice, its values as people read them, in their order.
    unset : str
        How None reads.
    """

    def __init__(
        self,
        settings: FormSettings,
        path: str,
        words: Mapping[Any, str] | None = None,
        unset: str = AUTOMATIC,
    ) -> None:
        self.settings, self.path = settings, path
        self.field = settings.fields[path]
        self.meaning = tooltip(self.field, words)
        self.widget = _widget(self.field, words or {}, unset, self.meaning)
        _prepare(self.widget, self.field, unset)
        self.show()
        self.widget.changed.connect(self._write)

    def show(self) -> None:
        """Show the value that holds."""
        value = self.settings.value(self.path)
        with self.widget.changed.blocked():
            if self.field.kind in ("text", "path"):
                value = "" if value is None else str(value)
            elif self.field.kind == "choice" and value is None:
                value = _NO_CHOICE
            elif isinstance(self.widget.native, QDoubleSpinBox):
                value = _lowest(self.field) if value is None else float(value)
            if self.widget.value != value:
                self.widget.value = value

    def switch(self, reason: str) -> None:
        """Switch the field off for a reason, which its tooltip then says, or on."""
        switch(self.widget.native, reason, self.meaning)

    def release(self) -> None:
        """Let go of the settings."""
        self.widget.changed.disconnect()

    def _write(self, value: Any) -> None:
        if isinstance(self.widget.native, QDoubleSpinBox):
            if self.field.nullable and value <= _lowest(self.field):
                value = None
            elif self.field.kind == "integer":
                value = int(value)
        elif self.field.nullable and value == "":
            value = None
        self.settings.ask({self.path: value})


class Form(QWidget):
    """A row for each of some fields.

    Parameters
    ----------
    paths : iterable of str
        The fields to show, in this order.
    words : mapping, optional
        By path, the values of a choice as people read them.
    unset : mapping, optional
        By path, how None reads.
    """

    def __init__(
        self,
        settings: FormSettings,
        paths: Iterable[str],
        words: Mapping[str, Mapping[Any, str]] | None = None,
        unset: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.fields = {
            path: BoundField(settings, path, (words or {}).get(path), (unset or {}).get(path, AUTOMATIC))
            for path in paths
        }
        self._rows = Container(widgets=[bound.widget for bound in self.fields.values()], labels=True)
        self._rows.margins = (0, 0, 0, 0)
        for bound in self.fields.values():
            _label(bound)
        column(self._rows.native, inside=self)
        settings.events.revision.connect(self.refresh)

    def refresh(self) -> None:
        """Show the values that hold."""
        for bound in self.fields.values():
            bound.show()

    def show_only(self, paths: Iterable[str]) -> None:
        """Show the rows of some fields and hide the others."""
        wanted = set(paths)
        for path, bound in self.fields.items():
            bound.widget.visible = path in wanted

    def switch(self, reason: str, paths: Iterable[str] | None = None) -> None:
        """Switch some fields, or all, off for a reason, or on."""
        for path in self.fields if paths is None else paths:
            self.fields[path].switch(reason)

    def release(self) -> None:
        """Let go of the settings; the dock is going."""
        self.settings.events.revision.disconnect(self.refresh)
        for bound in self.fields.values():
            bound.release()
        self._rows.close()


def tooltip(field: SettingsField, words: Mapping[Any, str] | None = None) -> str:
    """The field's description with its unit, as rich text, so that Qt wraps it.

    Choices that the description explains are called as they are in the field's list, by `words`.
    """
    text = field.text
    for value, shown in (words or {}).items():
        text = re.sub(rf"(?<=[.)] ){re.escape(str(value))}: ", f"<i>{shown}</i>: ", text)
    return f"<qt>{text}</qt>"


def switch(widget: QWidget, reason: str, meaning: str) -> None:
    """Switch a field or a button off for a reason, or on; its tooltip says which."""
    widget.setEnabled(not reason)
    widget.setToolTip(f"<qt>{reason}</qt>" if reason else meaning)


def narrow(box: QComboBox, characters: int = 6) -> QComboBox:
    """Let a box of long choices shrink with the dock, and leave the wheel to the dock."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(characters)
    ignore_wheel(box)
    return box


def ignore_wheel(box: QWidget) -> None:
    """Let the wheel over a field scroll the dock instead of changing a value that nobody meant to change."""
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(_WheelToScroll.instance())


def check_box(text: str, meaning: str, is_on: bool = True) -> QCheckBox:
    """A switch of the window itself, no setting."""
    box = QCheckBox(text)
    box.setChecked(is_on)
    box.setToolTip(f"<qt>{meaning}</qt>")
    return box


def _widget(field: SettingsField, words: Mapping[Any, str], unset: str, meaning: str) -> ValueWidget[Any]:
    options: dict[str, Any] = {"tooltip": meaning}
    kind: Any = field.annotation
    box: type | None = None
    if field.kind == "choice":
        order = sorted(field.choices, key=lambda value: [*words, value].index(value))
        options["choices"] = [(words.get(value, str(value)), value) for value in order]
        if field.nullable:
            options["choices"].insert(0, (unset, _NO_CHOICE))
    elif field.kind == "integer" and not field.nullable:
        low, high = field.minimum, field.maximum
        options["min"] = -_LARGEST_INT if low is None else int(low)
        options["max"] = min(_LARGEST_INT, _LARGEST_INT if high is None else int(high))
    elif field.kind in ("integer", "number"):
        kind, box = float, number_box()
        largest = _LARGEST if field.maximum is None else float(field.maximum)
        options |= {"min": _lowest(field), "max": largest, "step": None}
    elif field.kind != "switch":
        kind = str
    made = create_widget(
        annotation=kind, name=field.name, label=field.title, options=options, widget_type=box
    )
    assert isinstance(made, ValueWidget)
    if box is not None:
        # magicgui tells only widgets of its own.
        made.native.setToolTip(meaning)
    return made


def _lowest(field: SettingsField) -> float:
    """The lowest entry of a number's box; where None is a value it stands for that."""
    low = -_LARGEST if field.minimum is None else float(field.minimum)
    if not field.nullable or field.minimum_excluded:
        return low
    return low - 10.0 ** -_decimals(field)


def _decimals(field: SettingsField) -> int:
    return 0 if field.kind == "integer" else _DECIMALS


def _prepare(widget: ValueWidget[Any], field: SettingsField, unset: str) -> None:
    box = widget.native
    box.setObjectName(field.path)
    if isinstance(box, QComboBox):
        narrow(box)
    else:
        ignore_wheel(box)
    if isinstance(box, QDoubleSpinBox):
        box.setDecimals(_decimals(field))
        # Set again: the box was made with other decimals, and magicgui with a range of its own.
        box.setRange(_lowest(field), _LARGEST if field.maximum is None else float(field.maximum))
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        if field.nullable:
            box.setSpecialValueText(unset)
        if field.unit and len(field.unit) < 6:
            box.setSuffix(f" {field.unit}")
    edit = box.findChild(QLineEdit)
    if edit is not None:
        edit.setAcceptDrops(False)  # files dropped anywhere on the dock are opened


def _label(bound: BoundField) -> None:
    """Give the label beside a field the width of all labels; name the field for who does not see it."""
    box, row = bound.widget.native, bound.widget.native.parentWidget()
    # Of this row alone: a switch, which has its words itself, lies beside the rows of others.
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    found = [] if row is None else row.findChildren(QLabel, options=direct)
    for label in found:
        label.setToolTip(bound.meaning)
        label.setFixedWidth(LABEL_WIDTH)
        label.setWordWrap(True)
        label.setBuddy(box)
    call(box, bound.field.title, bound.field.text)


class _WheelToScroll(QObject):
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
