"""The dock "Reconstruct volume": from top to bottom the order of the work and of the physics."""

from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent

from ..jobs.run_panel import RunPanel
from ..widgets.dock import Dock, open_dock
from ..widgets.section import label
from ..widgets.theme import Appearance
from .controller import Controller
from .dialogs import Dialogs
from .document import ReconstructionDocument
from .flaw_watch import FlawWatch
from .outcome_panel import OutcomePanel
from .preferences import Preferences
from .result_views import Views
from .saved_settings import SettingsOffer
from .sections.together import Sections


class ReconstructWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.document = ReconstructionDocument()
        Preferences().start(self.document)
        self.sections = Sections(self.document, napari_viewer)
        self.panel = RunPanel(
            "Reconstruct volume", "Reconstruct; slices arrive in a layer of their own.", has_slices=True
        )
        self.outcome = OutcomePanel()
        self.runs = Controller(napari_viewer, self.document, self.sections, self.panel, self.outcome, self)
        self.flaws = FlawWatch(self.document, self.sections.projections, self)
        self.views = Views(napari_viewer)
        self.dialogs = Dialogs(self, self.runs)
        self.empty = label(tone="empty", wrap=True)
        self.empty.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.offer = SettingsOffer()
        self.fill((self.empty, self.offer, *self.sections.all()), (self.panel, self.outcome))
        self._connect()
        self._bind_keys()
        self.setAcceptDrops(True)
        self._settings_changed()

    def _connect(self) -> None:
        sections, runs, dialogs = self.sections, self.runs, self.dialogs
        self.document.events.revision.connect(self._settings_changed)
        self.empty.linkActivated.connect(self._open_sample)
        sections.projections.open_file.clicked.connect(dialogs.projections)
        sections.projections.calibrate.clicked.connect(runs.read_calibration)
        sections.projections.reopen.clicked.connect(runs.reopen)
        sections.beam.form.preview.clicked.connect(runs.show_beam)
        sections.guide.fit.clicked.connect(runs.fit_inr)
        sections.guide.load.clicked.connect(dialogs.inr_to_load)
        sections.guide.save.clicked.connect(dialogs.inr_to_save)
        sections.diffusion.prior.file_wanted.connect(dialogs.prior)
        sections.diffusion.adapt.clicked.connect(self._open_adapt)
        self.outcome.compare.clicked.connect(self._compare)
        self.offer.taken.connect(runs.use_settings)
        runs.axes_wanted.connect(dialogs.axes)
        runs.ended.connect(self._settings_changed)
        self.panel.start_wanted.connect(runs.start)
        self.outcome.uncertainty.toggled.connect(self._show_uncertainty)
        self.outcome.three_d.toggled.connect(self._show_3d)
        self.outcome.side_by_side.toggled.connect(self._show_side_by_side)
        self.outcome.save.clicked.connect(dialogs.result)
        self.watch_layers(sections.refresh_layers, runs.layer_removed)
        self.listen(self.viewer.layers.events.inserted, self._consider)
        self.outlast(runs)
        self.at_end(self.flaws.job.abandon)
        self.at_end(sections.beam.form.abandon)

    def _bind_keys(self) -> None:
        self.bind("Ctrl+Alt+R", self.panel.button.click, self.panel.button)
        self.bind("Ctrl+Alt+K", self.runs.stop, self.panel.stop)
        self.bind("Ctrl+Alt+X", self.runs.cancel, self.panel.cancel)
        self.bind("Ctrl+Alt+F", self.panel.follow.toggle, self.panel.follow)
        self.bind("Ctrl+Alt+U", self.outcome.uncertainty.click, self.outcome.uncertainty)
        self.bind("Ctrl+Alt+S", self.outcome.save.click, self.outcome.save)

    def _settings_changed(self, _revision: int = 0) -> None:
        self.empty.setVisible(self.document.projections is None)
        self.runs.warm_up()
        cost, reason = self.document.judge()
        self.panel.set_estimate(cost)
        self.panel.set_reason(reason)

    def _consider(self, event: Any) -> None:
        self.offer.consider(event.value)

    def _open_sample(self, _link: str) -> None:
        self.runs.open_sample()

    def _open_adapt(self) -> None:
        open_dock(self.viewer, "Adapt prior")

    def _compare(self) -> None:
        """Hand the last volume and its truth to the dock that compares."""
        if self.runs.last is not None:
            layers = self.runs.last.layers
            dock = open_dock(self.viewer, "Compare with ground truth")
            dock.choose(layers.truth, [layers.volume])
            dock.start()

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

    def restyle(self, appearance: Appearance) -> None:
        """Follow the theme in what is drawn here."""
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
            self.runs.open_path(path)


def _dropped_file(event: QDropEvent) -> str:
    """The one local file of a drop, or nothing."""
    mime = event.mimeData()
    files = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()] if mime is not None else []
    return files[0] if len(files) == 1 else ""
