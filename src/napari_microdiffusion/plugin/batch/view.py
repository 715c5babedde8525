"""The dock "Batch": a list of stacks that are reconstructed one after the other, into files."""

from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtWidgets import QFileDialog

from ...batch import Work
from ...errors import UserError
from ...tasks.opening import LayersMade, Question, ReadFile
from ...tasks.several.batch import (
    PlanBatch,
    Planned,
    Row,
    RowChanged,
    RunBatch,
    TimesLeft,
    folder_for,
    work_as_asked,
    work_of_file,
)
from ...tasks.threads import End
from ..jobs.activity import Activity
from ..jobs.job import Job
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..widgets.dock import Dock, open_dock
from ..widgets.message_panel import MessagePanel
from .sections import OutputSection, PiecesSection

ABOUT = (
    "Stacks of projections, reconstructed one after the other: of each file every position, channel and "
    "time point."
)
NOTHING = "Add files of projections first."
ALL_DONE = "All pieces on the list are done."
_FILES = "Images (*.tif *.tiff *.lsm);;All files (*)"


class BatchWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.rows: list[Row] = []
        self.pieces, self.output = PiecesSection(), OutputSection()
        self.panel = RunPanel("Start", "Reconstruct the pieces that wait.")
        self.panel.stop.setText("Stop")
        self.panel.stop.setToolTip("<qt>Leave the piece that is worked on; Start takes it up again.</qt>")
        self.panel.cancel.hide()
        self.messages = MessagePanel()
        self.runner = Runner(self.panel, self.messages, self)
        self.planning, self.opening = Job(self), Job(self)
        self.pieces.about.setText(ABOUT)
        self.fill((self.pieces, self.output), (self.panel, self.messages))
        self._connect()
        self._settle()

    def _connect(self) -> None:
        pieces = self.pieces
        self.planning.arrived.connect(self._take_plan)
        self.planning.ended.connect(self._say_end)
        self.opening.arrived.connect(self._add_layers)
        self.opening.ended.connect(self._say_end)
        pieces.add.clicked.connect(self._ask_files)
        pieces.add_folder.clicked.connect(self._ask_folder)
        pieces.remove.clicked.connect(self.remove_chosen)
        pieces.open_result.clicked.connect(self._open_chosen)
        pieces.table.opened.connect(self.open_result)
        pieces.table.itemSelectionChanged.connect(self._settle)
        self.output.changed.connect(self._place)
        self.panel.start_wanted.connect(self.start)
        self.runner.ended.connect(self._end)
        self.take_files(self.add_files)
        self.outlast(self.runner)
        self.at_end(self.planning.abandon)
        self.at_end(self.opening.abandon)

    def add_files(self, *paths: str) -> None:
        """Put the stacks of files, or of files in folders, on the list."""
        if not paths or self.runner.is_running or self.planning.is_running:
            return
        self.messages.clear()
        before = list(dict.fromkeys(row.piece.source for row in self.rows))
        added = [Path(path) for path in paths if Path(path) not in before]
        if not added:
            return
        if self.output.folder is None:
            self.output.use_folder(folder_for(added[0]))
        assert self.output.folder is not None
        self.planning.start(PlanBatch(added, self.output.folder, self.output.uncertainty.isChecked()))

    def remove_chosen(self) -> None:
        """Take the selected pieces off the list."""
        if not self.runner.is_running:
            gone = set(self.pieces.table.chosen)
            self.rows = [row for number, row in enumerate(self.rows) if number not in gone]
            self._show_rows()

    def start(self) -> None:
        """Work on the pieces that wait."""
        folder = self.output.folder
        if folder is None or self.runner.is_running:
            return
        try:
            work = self._work()
        except UserError as error:
            self.runner.fail(str(error))
            return
        task = RunBatch(tuple(self.rows), work, folder)
        self.runner.begin(Activity("Batch", task, self._take, done="The batch is done.", can_stop=True))
        self._settle()

    def open_result(self, number: int) -> None:
        """Open what was written of a piece."""
        files = self.rows[number].files
        if files and not self.opening.is_running:
            first, *others = map(str, files)
            self.opening.start(ReadFile(first, others=tuple(others)))

    def _work(self) -> Work:
        path = self.output.settings_file
        if path is not None:
            return work_of_file(path)
        found = open_dock(self.viewer, "Reconstruct volume")
        found.stay_behind(self)
        return work_as_asked(found.document.run)

    def _take(self, event: Any) -> None:
        if isinstance(event, TimesLeft):
            for number, seconds in event.seconds.items():
                self.rows[number].seconds = seconds
                self.pieces.table.show_state(number, self.rows[number])
        if not isinstance(event, RowChanged):
            return
        row = self.rows[event.number]
        if event.report is not None:
            row.report(event.report)
        else:
            row.state, row.text = "running", event.text
        self.pieces.table.show_state(event.number, row)

    def _end(self) -> None:
        for row in self.rows:
            row.stop()
        self._show_rows()
        counts = [sum(row.state == state for row in self.rows) for state in ("done", "failed", "waiting")]
        if self.messages.error.isHidden():
            words = zip(counts, ("done", "failed", "waiting"), strict=True)
            self.messages.say(", ".join(f"{count} {word}" for count, word in words if count) + ".")

    def _take_plan(self, event: Any) -> None:
        if isinstance(event, Planned):
            self.rows += [*event.rows, *event.unreadable]
            self._show_rows()

    def _add_layers(self, event: Any) -> None:
        if isinstance(event, LayersMade):
            for data, look, _ in event.layers:
                self.viewer.add_image(data, **look)
        elif isinstance(event, Question):
            self.messages.fail(event.message)

    def _say_end(self, end: End) -> None:
        if end.message:
            self.runner.fail(end.message, end.defect)
        self._settle()

    def _place(self) -> None:
        """Write elsewhere, or other things: what is finished there is done."""
        folder = self.output.folder
        if folder is not None and not self.runner.is_running:
            for row in self.rows:
                if row.piece.outputs.uncertainty is not None:
                    row.place(folder, self.output.uncertainty.isChecked())
            self._show_rows()

    def _show_rows(self) -> None:
        self.pieces.table.show_rows(self.rows)
        self._settle()

    def _settle(self) -> None:
        """Switch on what can be done."""
        is_running, rows = self.runner.is_running, [self.rows[n] for n in self.pieces.table.chosen]
        waiting = sum(row.state == "waiting" for row in self.rows)
        self.panel.set_reason(NOTHING if not self.rows else "" if waiting else ALL_DONE)
        self.panel.set_estimate(f"{waiting} of {len(self.rows)} pieces wait." if self.rows else "")
        self.pieces.set_state(f"{len(self.rows)}" if self.rows else "none")
        self.pieces.open_result.setEnabled(len(rows) == 1 and bool(rows[0].files))
        self.pieces.remove.setEnabled(bool(rows) and not is_running)
        for widget in (self.pieces.add, self.pieces.add_folder, self.output.content):
            widget.setEnabled(not is_running)
        failed = [row for row in rows if row.state == "failed"]
        self.pieces.about.setText(failed[0].text if failed else ABOUT)

    def _open_chosen(self) -> None:
        self.open_result(self.pieces.table.chosen[0])

    def _ask_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.window(), "Projections of the batch", "", _FILES)
        self.add_files(*paths)

    def _ask_folder(self) -> None:
        if path := QFileDialog.getExistingDirectory(self.window(), "Folder of projections"):
            self.add_files(path)
