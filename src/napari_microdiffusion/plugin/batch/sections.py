"""What a batch works on, with which settings, and where its volumes go."""

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtWidgets import QFileDialog

from ..widgets.form import check_box, narrow
from ..widgets.section import Section, button, column, flow, label, titled
from .pieces_table import PiecesTable

OF_THE_DOCK, OF_A_FILE = "those of Reconstruct volume", "of a file …"
_KINDS = "Settings of a result (*.json *.yaml *.yml);;All files (*)"


class PiecesSection(Section):
    """The list of pieces."""

    def __init__(self) -> None:
        super().__init__("Pieces", is_open=True, page="dock")
        self.table = PiecesTable()
        self.add = button("Add files…", "Stacks of projections; files can be dropped on the dock, too.")
        self.add_folder = button("Add a folder…", "All stacks that lie in a folder, and OME-Zarrs.")
        self.open_result = button("Open", "Open the volume of the selected piece in the viewer.")
        self.remove = button("Remove", "Take the selected pieces off the list; files stay.")
        self.about = label(tone="dim", wrap=True)
        buttons = flow(self.add, self.add_folder, self.open_result, self.remove)
        self.set_content(column(self.table, self.about, buttons))


class OutputSection(Section):
    """The settings, and the folder for the volumes.

    `changed` is emitted when another folder is chosen, or whether the uncertainty is written.
    """

    def __init__(self) -> None:
        super().__init__("Settings and folder", is_open=True, page="dock")
        self.folder: Path | None = None
        self.settings_file: Path | None = None
        self.origin = ComboBox(choices=[OF_THE_DOCK, OF_A_FILE])
        self.origin.native.setObjectName("settings")
        self.origin.native.setToolTip(
            "<qt>The settings of the dock, as they are when the batch starts; step length and beam that a "
            "file records go before them. Or those of an earlier result, from its file of settings.</qt>"
        )
        self.origin.changed.connect(self._choose_origin)
        self.uncertainty = check_box(
            "uncertainty, too", "Write the uncertainty of every volume; takes about twice as long.", False
        )
        self.choose = button("Folder…", "Where the volumes go; what lies there finished is not done again.")
        self.about = label(tone="dim", wrap=True)
        settings = titled("Settings", narrow(self.origin.native))
        self.set_content(column(settings, self.uncertainty, flow(self.choose), self.about))
        self.choose.clicked.connect(self._ask_folder)
        self.uncertainty.toggled.connect(self.changed)
        self._describe()

    def use_file(self, path: Path) -> None:
        """Take the settings from a file."""
        self.settings_file = path
        with self.origin.changed.blocked():
            self.origin.value = OF_A_FILE
        self._describe()

    def use_folder(self, folder: Path) -> None:
        """Write to a folder."""
        self.folder = folder
        self._describe()
        self.changed.emit()

    def release(self) -> None:
        """Let go; the dock is going."""
        self.origin.changed.disconnect()
        self.origin.close()

    def _choose_origin(self, origin: Any) -> None:
        self.settings_file = None
        if origin == OF_A_FILE:
            path, _ = QFileDialog.getOpenFileName(self.window(), "Settings of the batch", "", _KINDS)
            if path:
                self.settings_file = Path(path)
            else:
                with self.origin.changed.blocked():
                    self.origin.value = OF_THE_DOCK
        self._describe()

    def _ask_folder(self) -> None:
        start = "" if self.folder is None else str(self.folder)
        if path := QFileDialog.getExistingDirectory(self.window(), "Folder for the volumes", start):
            self.use_folder(Path(path))

    def _describe(self) -> None:
        lines = [] if self.settings_file is None else [f"Settings of {self.settings_file.name}."]
        folder = "the folder “volumes” beside the first file" if self.folder is None else str(self.folder)
        self.about.setText("\n".join([*lines, f"Volumes go to {folder}."]))
        self.set_state("" if self.folder is None else self.folder.name)
