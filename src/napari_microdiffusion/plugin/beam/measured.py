"""Reads a measured beam beside the window."""

from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from ...io.beam_files import read_beam
from ...io.measured_beam import MeasuredBeam
from ...settings.wording import sentence
from ...tasks.threads import End
from ..jobs.job import Job

BEAMS = "Measured beams (*.csv *.tsv *.txt *.dat *.tif *.tiff *.lsm);;All files (*)"


class BeamImport(QObject):
    """Asks for the file of a measured beam and reads it.

    `measured` carries a `MeasuredBeam`, `failed` a sentence.

    Parameters
    ----------
    parent : QWidget
        Whose window the question belongs to.
    """

    measured = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self.job = Job(self)
        self.job.arrived.connect(self._take)
        self.job.ended.connect(self._end)

    def ask(self) -> None:
        """Ask which file, and read it."""
        title = "Import a measured beam"
        path, _ = QFileDialog.getOpenFileName(self._window.window(), title, "", BEAMS)
        if path:
            self.read(Path(path))

    def read(self, path: Path) -> None:
        """Read a file, unless one is being read."""
        if not self.job.is_running:
            self.job.start(lambda _cancel: [read_beam(path)])

    def _take(self, event: object) -> None:
        if isinstance(event, MeasuredBeam):
            self.measured.emit(event)

    def _end(self, end: End) -> None:
        if end.message:
            self.failed.emit(sentence(end.message))
