"""The question whether the settings of an earlier result, opened again, are to be used."""

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from ...stacks.metadata import known_of
from ..widgets.section import button, column, flow, label

SETTINGS_SUFFIXES = (".json", ".yaml", ".yml")
"""Endings of files of settings, such as the provenance beside a result."""


class SettingsOffer(QWidget):
    """A line that asks whether the settings of an opened result are wanted; hidden until there is one.

    `taken` carries what the result's file says of its run.
    """

    taken = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._record: Mapping[str, Any] = {}
        self._layer: Any = None
        self._text = label(wrap=True)
        about = "Put the step length, the method and the seed of that result into the dock."
        self.use = button("Use these settings", about, self._take)
        self.leave = button("No", "Keep the settings as they are", self.hide)
        column(self._text, flow(self.use, self.leave), inside=self).setContentsMargins(4, 4, 4, 8)
        self.hide()

    def consider(self, layer: Any) -> None:
        """Offer the settings that a layer brings along, if it does."""
        provenance = known_of(layer).get("provenance")
        if not isinstance(provenance, dict) or not isinstance(provenance.get("settings"), dict):
            return
        self._record, self._layer = provenance, layer
        self._text.setText(f"“{layer.name}” records the settings that made it.")
        self.show()

    def forget_missing(self, layers: Any) -> None:
        """Offer no longer what a layer said that is gone."""
        if self._layer is not None and self._layer not in layers:
            self._layer = None
            self.hide()

    def _take(self) -> None:
        self.hide()
        self.taken.emit(self._record)
