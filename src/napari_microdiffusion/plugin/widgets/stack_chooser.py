"""A choice among the viewer's stacks, with a box for each further axis such as channel or time."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from ..layers.stack import Stack, array_of
from .fields import narrow
from .section import form, label, row

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

MEAN = "mean of all"
_AXIS_WORDS = {"c": "channel", "channel": "channel", "t": "time", "time": "time"}


class StackChooser(QWidget):
    """A box of layers, and one for each axis before the last three.

    `changed` is emitted when another stack is chosen.

    Parameters
    ----------
    viewer : napari.Viewer
    why_not : callable
        Says of a layer why it cannot be chosen; nothing where it can.
    name : str
        Of the box, for tests and accessibility.
    beside : QWidget, optional
        A button beside the box.
    """

    changed = Signal()

    def __init__(
        self, viewer: "Viewer", why_not: Callable[[Any], str], name: str, beside: QWidget | None = None
    ) -> None:
        super().__init__()
        self._viewer, self._why_not = viewer, why_not
        self._layers: list[Image] = []
        self.axis_boxes: list[QComboBox] = []
        self.box = narrow(QComboBox())
        self.box.setObjectName(name)
        self.box.currentIndexChanged.connect(self._choose)
        self.refusals = label(tone="dim", wrap=True)
        self._form: QFormLayout = form()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow(row(self.box, *([beside] if beside is not None else []), stretch=0))
        self._form.addRow(self.refusals)
        self.setLayout(self._form)

    @property
    def layer(self) -> "Image | None":
        """The chosen layer."""
        index = self.box.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @property
    def layers(self) -> list["Image"]:
        """All that can be chosen."""
        return list(self._layers)

    @property
    def stack(self) -> Stack | None:
        """The chosen stack."""
        layer = self.layer
        return None if layer is None else Stack(layer, self.chosen)

    @property
    def chosen(self) -> tuple[int | None, ...]:
        """Index along each axis before the last three; None for the mean over it."""
        return tuple(box.currentData() for box in self.axis_boxes)

    def select(self, layer: Any) -> None:
        """Choose a layer, if it is on the list."""
        if layer in self._layers:
            self.box.setCurrentIndex(self._layers.index(layer))

    def refresh(self) -> None:
        """Take the list from the viewer, keeping the choice where it still exists."""
        before = self.layer
        reasons = {layer: self._why_not(layer) for layer in self._viewer.layers}
        self._layers = [layer for layer, reason in reasons.items() if not reason]
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItems([layer.name for layer in self._layers])
        if before is not None and before in self._layers:
            self.box.setCurrentIndex(self._layers.index(before))
        self.box.blockSignals(False)
        self.box.setEnabled(bool(self._layers))
        # Why a layer is missing matters to whoever looks for it, so while there is no other.
        said = [reason for reason in reasons.values() if reason] if not self._layers else []
        self.refusals.setText("\n".join(f"{reason}." for reason in said[:3]))
        self.refusals.setVisible(bool(said))
        if self.layer is not before or before is None:
            self._choose()
        elif len(self.axis_boxes) != len(array_of(before).shape) - 3:
            self._choose()  # other data in the same layer

    def _choose(self, _index: int = 0) -> None:
        while self.axis_boxes:
            self._form.removeRow(self.axis_boxes.pop())
        layer = self.layer
        if layer is not None:
            for axis, size in enumerate(array_of(layer).shape[:-3]):
                self._add_axis(layer, axis, size, str(layer.axis_labels[axis]))
        self.changed.emit()

    def _add_axis(self, layer: "Image", axis: int, size: int, name: str) -> None:
        box = narrow(QComboBox(), 4)
        for index in range(size):
            box.addItem(str(index), index)
        if _AXIS_WORDS.get(name.lower()) == "time":
            box.addItem(MEAN, None)
            box.setToolTip("<qt>Time points, or the frames that were recorded of each slice.</qt>")
        step = self._viewer.dims.current_step
        offset = len(step) - layer.ndim
        box.setCurrentIndex(min(max(step[offset + axis], 0), size - 1) if offset >= 0 else 0)
        box.currentIndexChanged.connect(self._tell)
        self.axis_boxes.append(box)
        self._form.insertRow(1 + axis, _AXIS_WORDS.get(name.lower(), f"axis {axis}"), box)

    def _tell(self, _index: int) -> None:
        self.changed.emit()
