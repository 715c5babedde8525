"""Ways of looking at a reconstruction and its truth: in the viewer, and along z in the dock."""

from collections.abc import Sequence
from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QSlider

from ...stacks.placement import Placement
from ..widgets.cross_sections import CrossSections, Shown
from ..widgets.section import Section, column, flow, row, title_of
from .looking import MODES

_TIPS = {
    "side by side": "Truth and reconstructions beside each other; they move and zoom together.",
    "overlay": "Truth in green, reconstruction in magenta: white where both are equally bright.",
    "checkerboard": "Truth and reconstruction in turn, square by square.",
    "curtain": "Truth left of the curtain, reconstruction right of it.",
}
_CURTAIN_STEPS = 1000


class LookingSection(Section):
    """Buttons for the ways of looking, and the sections along z."""

    mode_wanted = Signal(str)
    curtain_moved = Signal(float)
    error_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("View", is_open=True)
        self._busy, self._is_ready, self._mode = "", False, ""
        self.modes = {mode: QPushButton(word) for mode, word in MODES.items()}
        self.error = QPushButton("Error map")
        self.error.clicked.connect(self.error_wanted)
        for button in self.modes.values():
            button.setCheckable(True)
            button.clicked.connect(self._clicked)
        self.curtain = QSlider(Qt.Orientation.Horizontal)
        self.curtain.setRange(0, _CURTAIN_STEPS)
        self.curtain.setValue(_CURTAIN_STEPS // 2)
        self.curtain.valueChanged.connect(self._move_curtain)
        self._curtain_title = title_of("Curtain", self.curtain)
        self.sections = CrossSections(viewer)
        curtain = row(self._curtain_title, self.curtain, stretch=1)
        self.set_content(column(flow(*self.modes.values(), self.error), curtain, self.sections))
        self.show_mode("")

    @property
    def curtain_position(self) -> float:
        """Where the curtain hangs, 0 to 1."""
        return float(self.curtain.value() / _CURTAIN_STEPS)

    def show_mode(self, mode: str) -> None:
        """Press the button of a way of looking, no other."""
        self._mode = mode
        for name, button in self.modes.items():
            button.setChecked(name == mode)
        for widget in (self.curtain, self._curtain_title):
            widget.setVisible(mode == "curtain")
        self.set_state(MODES.get(mode, ""))
        self._update()

    def show_volumes(
        self, volumes: Sequence[tuple[str, Any]], limits: tuple[float, float], place: Placement
    ) -> None:
        """Show sections of other volumes, cut to the slices that all have."""
        depth = min((len(data) for _, data in volumes), default=0)
        shown = [Shown(name, data[:depth]) for name, data in volumes]
        self.sections.setVisible(bool(volumes))
        self.sections.show_volumes(shown, limits, place)

    def set_ready(self, is_ready: bool) -> None:
        """Switch the buttons on once there is something to look at."""
        self._is_ready = is_ready
        self._update()

    def set_busy(self, text: str) -> None:
        """Switch what computes off while something is being done, or on again."""
        self._busy = text
        self._update()

    def _update(self) -> None:
        nothing = "" if self._is_ready else "Compare first."
        for mode, button in self.modes.items():
            button.setEnabled(self._is_ready)
            button.setToolTip(f"<qt>{nothing or _TIPS[mode]}</qt>")
        self.error.setEnabled(self._is_ready and not self._busy)
        waiting = f"Wait until this is done: {self._busy.lower()}" if self._busy else ""
        meaning = "Reconstruction less truth, as a layer: orange too bright, blue too dark."
        self.error.setToolTip(f"<qt>{nothing or waiting or meaning}</qt>")

    def _move_curtain(self, _value: int) -> None:
        self.curtain_moved.emit(self.curtain_position)

    def _clicked(self) -> None:
        pressed = [mode for mode, button in self.modes.items() if button.isChecked()]
        self.show_mode(next((mode for mode in pressed if mode != self._mode), ""))
        self.mode_wanted.emit(self._mode)
