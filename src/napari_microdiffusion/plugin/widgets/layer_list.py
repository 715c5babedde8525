"""A list of image layers with a box to tick beside each."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy
from superqt.utils import signals_blocked

from .section import call

_HEIGHT = 76


class VolumeList(QListWidget):
    """Layers to tick; those that were ticked stay so when the list changes.

    Parameters
    ----------
    name : str
        Of the widget, for tests and accessibility.
    """

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.layers: list[Any] = []
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_HEIGHT)
        self.setToolTip(f"<qt>{tip}</qt>")
        call(self, name, tip)

    @property
    def ticked(self) -> list[Any]:
        """The layers whose boxes are ticked."""
        return [layer for row, layer in enumerate(self.layers) if self._is_ticked(row)]

    def show_layers(self, layers: list[Any], on: list[Any], only: bool = False) -> None:
        """List other layers; new ones among `on` are ticked, and with `only` no others are."""
        before = dict(zip(self.layers, (self._is_ticked(row) for row in range(self.count())), strict=True))
        with signals_blocked(self):
            self.clear()
            for layer in layers:
                item = QListWidgetItem(layer.name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                is_on = layer in on if only else before.get(layer, layer in on)
                item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)
                self.addItem(item)
        self.layers = layers

    def _is_ticked(self, row: int) -> bool:
        item = self.item(row)
        return item is not None and item.checkState() == Qt.CheckState.Checked
