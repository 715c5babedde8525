"""The dock "Reconstruct volume": from top to bottom the order of the work and of the physics."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .appearance import Appearance
from .dialogs import Dialogs
from .outcome_panel import OutcomePanel
from .run_panel import RunPanel
from .runs import Runs
from .section import label
from .sections import Sections
from .views import Views

if TYPE_CHECKING:
    from napari import Viewer

MIN_WIDTH = 340
WIDTH = 400


class ReconstructWidget(QWidget):
    """The dock.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.sections = Sections(napari_viewer)
        self.panel = RunPanel()
        self.outcome = OutcomePanel()
        self.runs = Runs(napari_viewer, self.sections, self.panel, self.outcome, self)
        self.views = Views(napari_viewer)
        self.dialogs = Dialogs(self, self.runs)
        self.empty = label(tone="empty", wrap=True)
        self.empty.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._was_docked = False
        self._lay_out()
        self._connect()
        self._restyle()
        self.setAcceptDrops(True)
        self._settings_changed()

    def sizeHint(self) -> Any:
        """As wide as the sections need to be read without breaks."""
        hint = super().sizeHint()
        hint.setWidth(WIDTH)
        return hint

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(8, 8, 8, 4)
        column.setSpacing(2)
        column.addWidget(self.empty)
        for section in self.sections.all():
            column.addWidget(section)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        line = QFrame()
        line.setObjectName("line")
        line.setFixedHeight(1)
        bottom = QVBoxLayout()
        bottom.setContentsMargins(8, 8, 8, 8)
        bottom.setSpacing(8)
        bottom.addWidget(self.panel)
        bottom.addWidget(self.outcome)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(line)
        layout.addLayout(bottom)
        self.setMinimumWidth(MIN_WIDTH)

    def _connect(self) -> None:
        sections, runs, dialogs = self.sections, self.runs, self.dialogs
        for section in sections.all():
            section.changed.connect(self._settings_changed)
        self.empty.linkActivated.connect(self._open_sample)
        sections.projections.open_wanted.connect(dialogs.projections)
        sections.projections.calibration_wanted.connect(runs.read_calibration)
        sections.guide.fit_wanted.connect(runs.fit_inr)
        sections.guide.load_wanted.connect(dialogs.inr_to_load)
        sections.guide.save_wanted.connect(dialogs.inr_to_save)
        sections.diffusion.file_wanted.connect(dialogs.prior)
        self.panel.start_wanted.connect(runs.start)
        self.panel.stop_wanted.connect(runs.stop)
        self.panel.cancel_wanted.connect(self._cancel)
        self.outcome.uncertainty_wanted.connect(self._show_uncertainty)
        self.outcome.three_d_wanted.connect(self._show_3d)
        self.outcome.side_by_side_wanted.connect(self._show_side_by_side)
        self.outcome.save_wanted.connect(dialogs.result)
        layers = self.viewer.layers.events
        self._viewer_connections = [
            (layers.inserted, self._layers_changed),
            (layers.removed, self._layer_removed),
            (layers.renamed, self._layers_changed),
            (layers.units, self._layers_changed),
            (self.viewer.events.theme, self._restyle),
        ]
        for emitter, slot in self._viewer_connections:
            emitter.connect(slot)

    def _settings_changed(self) -> None:
        self.empty.setVisible(self.sections.projections.layer is None)
        self.runs.warm_up()
        cost, reason = self.sections.judge()
        self.panel.set_estimate(cost)
        self.panel.set_reason(reason)

    def _layers_changed(self, _event: Any = None) -> None:
        self.sections.refresh_layers()

    def _layer_removed(self, event: Any) -> None:
        self.runs.layer_removed(event.value)
        self.sections.refresh_layers()

    def _open_sample(self, _link: str) -> None:
        self.runs.open_sample()

    def _cancel(self) -> None:
        self.runs.cancel()

    def _show_uncertainty(self, on: bool) -> None:
        if self.runs.last is not None:
            self.views.show_uncertainty(self.runs.last.layers, on)

    def _show_3d(self, on: bool) -> None:
        if self.runs.last is not None:
            warning = self.views.show_3d(self.runs.last.layers, on)
            if warning:
                self.outcome.warn(warning)

    def _show_side_by_side(self, on: bool) -> None:
        if self.runs.last is not None:
            self.views.show_side_by_side(self.runs.last.layers, on)

    def _restyle(self, _event: Any = None) -> None:
        appearance = Appearance.of_theme(str(self.viewer.theme))
        self.setStyleSheet(appearance.style_sheet())
        self.sections.beam.plot.set_appearance(appearance)
        self.sections.guide.plot.set_appearance(appearance)
        link = f'<a href="sample" style="color: {appearance.text}">open a sample</a>'
        self.empty.setText(f"Drop a projection TIFF here, or {link}.")

    # Qt

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take one file."""
        if event is not None and _dropped_file(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open a dropped file with our reader."""
        if event is not None and (path := _dropped_file(event)):
            event.acceptProposedAction()
            self.runs.open_file(path)

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari closes the dock: it takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self.close_down()
        return bool(super().event(event))

    def close_down(self) -> None:
        """End what is running and leave the viewer alone."""
        self.runs.abandon()
        for emitter, slot in self._viewer_connections:
            emitter.disconnect(slot)
        self._viewer_connections = []


def _dropped_file(event: QDropEvent) -> str:
    """The one local file of a drop, or nothing."""
    mime = event.mimeData()
    files = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()] if mime is not None else []
    return files[0] if len(files) == 1 else ""
