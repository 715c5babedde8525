"""A choice among the viewer's stacks, with a box for each further axis such as channel or time."""

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox
from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from ...stacks.series import CHANNEL_LABELS, TIME_LABELS
from .axis_chooser import AxisChooser
from .form import narrow
from .section import call, form, label, row, title_of

# What stands for None in a box: magicgui tells of no change to None.
_NO_LAYER = ""
_AXIS_WORDS = dict.fromkeys(CHANNEL_LABELS, "channel") | dict.fromkeys(TIME_LABELS, "time")


class LayerChooser(QWidget):
    """A box of layers, and one for each axis before the last three.

    `changed` is emitted when another stack is chosen.

    Parameters
    ----------
    why_not : callable
        Says of a layer why it cannot be chosen; nothing where it can.
    name : str
        Of the box, for tests and accessibility.
    beside : QWidget, optional
        A button beside the box.
    none : str
        The entry for no layer; without it there is always one chosen where there is any.
    likely : callable, optional
        Says which of the layers is taken while nobody has picked one, from those on the list, the viewer's
        selected one and the one so far; the first without this.
    has_axes : bool
        Whether what lies along further axes is chosen here, too.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: Viewer,
        why_not: Callable[[Any], str],
        name: str,
        tip: str = "",
        beside: QWidget | None = None,
        none: str = "",
        likely: Callable[[list[Any], Any, Any], Any] | None = None,
        has_axes: bool = True,
    ) -> None:
        super().__init__()
        self._viewer, self._why_not, self._none, self._likely = viewer, why_not, none, likely
        self._has_axes = has_axes and not none
        self._picked: Image | None = None
        self.layers: list[Image] = []
        self.axes: list[AxisChooser] = []
        self.box = ComboBox(name=name.replace(" ", "_"), choices=self._choices)
        self.box.native.setObjectName(name)
        self.box.native.setToolTip(f"<qt>{tip}</qt>")
        self.box.changed.connect(self._pick)
        self.refusals = label(tone="dim", wrap=True)
        self._form: QFormLayout = form()
        self._form.setContentsMargins(0, 0, 0, 0)
        widgets = [narrow(self.box.native), *([beside] if beside is not None else [])]
        self._form.addRow(row(*widgets, stretch=0))
        self._form.addRow(self.refusals)
        self.setLayout(self._form)
        self.setFocusProxy(self.box.native)
        call(self.box.native, name, tip)

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self.box.value or None

    @property
    def chosen(self) -> tuple[int | None, ...]:
        """Index along each axis before the last three, of several the first; None for the mean over it."""
        return tuple(choice[0] for choice in self.choices)

    @property
    def choices(self) -> tuple[tuple[int | None, ...], ...]:
        """The indices that are wanted along each axis before the last three; None for the mean over it."""
        return tuple(axis.choice for axis in self.axes)

    def select(self, layer: Any) -> None:
        """Choose a layer, if it is on the list."""
        if layer in self.layers or (layer is None and self._none):
            self._picked = layer
            self.box.value = layer or _NO_LAYER

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still exists."""
        before = self.layer
        reasons = {layer: self._why_not(layer) for layer in self._viewer.layers}
        self.layers = [layer for layer, reason in reasons.items() if not reason]
        with self.box.changed.blocked():
            self.box.reset_choices()
            kept = before if before in self.layers else None
            if self._likely is not None and self.layers and (kept is None or kept != self._picked):
                kept = self._likely(self.layers, self._viewer.layers.selection.active, kept)
            if kept is not None:
                self.box.value = kept
            elif self._none:
                self.box.value = _NO_LAYER
        self.box.native.setEnabled(bool(self.layers))
        # Why a layer is missing matters to whoever looks for it, so while there is no other.
        said = [reason for reason in reasons.values() if reason] if not self.layers else []
        self.refusals.setText("\n".join(f"{reason}." for reason in said[:3]))
        self.refusals.setVisible(bool(said) and not self._none)
        has_other_axes = self._has_axes and before is not None and len(self.axes) != before.ndim - 3
        if self.layer is not before or before is None or has_other_axes:
            self._choose()

    def release(self) -> None:
        """Let go of the viewer; the dock is going."""
        self.box.changed.disconnect()
        self.box.close()

    def _choices(self, _box: Any) -> list[tuple[str, Any]]:
        first: list[tuple[str, Any]] = [(self._none, _NO_LAYER)] if self._none else []
        return [*first, *((layer.name, layer) for layer in self.layers)]

    def _pick(self, layer: Any) -> None:
        self._picked = layer or None
        self._choose()

    def _choose(self, _layer: Any = None) -> None:
        for axis_chooser in self.axes:
            axis_chooser.release()
            self._form.removeRow(axis_chooser)
        self.axes.clear()
        layer = self.layer
        if layer is not None and self._has_axes:
            for axis, size in enumerate(layer.data.shape[:-3]):
                self._add_axis(layer, axis, size, str(layer.axis_labels[axis]))
        self.changed.emit()

    def _add_axis(self, layer: Image, axis: int, size: int, name: str) -> None:
        word = _AXIS_WORDS.get(name.lower(), f"axis {axis}")
        step = self._viewer.dims.current_step
        offset = len(step) - layer.ndim
        shown = min(max(step[offset + axis], 0), size - 1) if offset >= 0 else 0
        chooser = AxisChooser(word, size, shown, word == "time", self._likely is not None)
        if word == "time":
            chooser.box.native.setToolTip(
                "<qt>Time points, or the frames that were recorded of each slice.</qt>"
            )
        chooser.changed.connect(self.changed)
        self.axes.append(chooser)
        self._form.insertRow(1 + axis, title_of(word, chooser), chooser)
