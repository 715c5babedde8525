"""What a prior is adapted to, from what, and for how long."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from ...settings.method import ReconstructionConfig
from ..layers.metadata import known_of
from ..layers.roles import why_no_reference
from ..layers.stack import Stack
from ..widgets.fields import narrow, title_label, whole_number
from ..widgets.layer_list import VolumeList
from ..widgets.section import Section, form, label

if TYPE_CHECKING:
    from napari import Viewer


class ReferencesSection(Section):
    """Choice of the volumes to learn from."""

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__("Reference volumes", is_open=True)
        self._viewer = viewer
        self.list = VolumeList("references", "Point-scanned volumes; tick those to learn from.")
        self.list.itemChanged.connect(self._tell)
        self._hint = label(tone="dim", wrap=True)
        layout = form()
        layout.addRow(self.list)
        layout.addRow(self._hint)
        self.set_content(layout)
        self.refresh()

    @property
    def chosen(self) -> list[Stack]:
        """The ticked volumes; of further axes the first."""
        return [Stack(layer, (0,) * (layer.ndim - 3)) for layer in self.list.ticked]

    def reason(self) -> str:
        """Why nothing can be learned; nothing where it can."""
        if not self.list.layers:
            return "Open a reference volume first: a stack of slices as a point scan saw it."
        return "" if self.list.ticked else "Tick a reference volume."

    def refresh(self) -> None:
        """Take the list from the viewer."""
        reasons = {layer: why_no_reference(layer) for layer in self._viewer.layers}
        fitting = [layer for layer, reason in reasons.items() if not reason]
        truths = [layer for layer in fitting if known_of(layer).get("role") == "ground truth"]
        self.list.show_layers(fitting, truths)
        self.list.setVisible(bool(fitting))
        said = [f"{reason}." for reason in reasons.values() if reason]
        self._hint.setText("\n".join(said[:3]) if not fitting and said else "" if fitting else "None yet.")
        self._hint.setVisible(not fitting)
        self._tell()

    def _tell(self, _item: Any = None) -> None:
        count = len(self.list.ticked)
        self.set_state("none" if not count else f"{count} volume{'s' * (count > 1)}")
        self.changed.emit()


class PriorSection(Section):
    """Where the adaptation starts, and how long it takes."""

    file_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Prior", is_open=True)
        self.start = narrow(QComboBox())
        self.start.setObjectName("start")
        self.start.setToolTip("<qt>The prior that learns further; its file stays as it is.</qt>")
        self.start.addItem("General (shipped)", "general")
        self.start.addItem("From a file…", None)
        self._last = 0
        self.minutes = QDoubleSpinBox()
        self.minutes.setObjectName("minutes")
        self.minutes.setRange(0.1, 600)
        self.minutes.setDecimals(1)
        self.minutes.setValue(10)
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip("<qt>Length of the training in minutes. It can be stopped earlier.</qt>")
        self.seed = whole_number(ReconstructionConfig, "seed")
        layout = form()
        layout.addRow(label("Starts from"), self.start)
        layout.addRow(label("Time"), self.minutes)
        layout.addRow(title_label(ReconstructionConfig, "seed"), self.seed)
        self.set_content(layout)
        self.start.activated.connect(self._choose)
        self.minutes.valueChanged.connect(self._update)
        self._update()

    @property
    def name(self) -> str:
        """The prior to start from: "general", or a file."""
        return str(self.start.currentData() or "general")

    def use_file(self, path: str) -> None:
        """Start from a prior of a file."""
        index = self.start.findData(path)
        if index < 0:
            index = self.start.count() - 1
            self.start.insertItem(index, Path(path).name, path)
        self.start.setCurrentIndex(index)
        self._last = index
        self._update()

    def _choose(self, index: int) -> None:
        if self.start.itemData(index) is None:
            # The entry is a question, not a choice; without an answer all stays as it was.
            self.start.setCurrentIndex(self._last)
            self.file_wanted.emit()
            return
        self._last = index
        self._update()

    def _update(self, _value: float = 0.0) -> None:
        self.set_state(f"{self.start.currentText()}, {self.minutes.value():g} min")
        self.changed.emit()
