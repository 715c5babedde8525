"""The dock "Reconstruct volume": from top to bottom the order of the work and of the physics."""

from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt
from superqt.utils import signals_blocked

from ..jobs.run_panel import RunPanel
from ..widgets.dock import Dock, open_dock
from ..widgets.section import button, label
from ..widgets.theme import Appearance
from .controller import Controller
from .dialogs import Dialogs
from .document import ReconstructionDocument
from .flaw_watch import FlawWatch
from .outcome_panel import OutcomePanel
from .preferences import Preferences
from .results import Results
from .saved_settings import SettingsOffer
from .sections.along_z import AlongZSection
from .sections.together import Sections
from .turntable import Turntable


class ReconstructWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.document = ReconstructionDocument()
        Preferences().start(self.document)
        self.sections = Sections(self.document, napari_viewer)
        about_trying = (
            "Reconstruct a part first, in seconds: what a rectangle in a Shapes layer marks, or else the "
            "middle of what the window shows."
        )
        self.try_here = button("Try here", about_trying)
        about = "Reconstruct; slices arrive in a layer of their own."
        self.panel = RunPanel("Reconstruct volume", about, has_slices=True, beside=self.try_here)
        self.outcome = OutcomePanel()
        self.results = Results(napari_viewer, self.document, self)
        self.runs = Controller(
            napari_viewer, self.document, self.sections, self.panel, self.outcome, self.results, self
        )
        self.flaws = FlawWatch(self.document, self.sections.projections, self)
        self.dialogs = Dialogs(self, self.runs)
        self.turntable = Turntable(napari_viewer, self)
        self._movie_path = Path()
        self.empty = label(tone="empty", wrap=True)
        self.empty.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.offer = SettingsOffer()
        self.along_z = AlongZSection(napari_viewer, self.results)
        above = (self.empty, self.offer, *self.sections.all(), self.along_z)
        self.fill(above, (self.panel, self.outcome))
        self._connect()
        self._bind_keys()
        self.take_files(self.runs.open_path)
        self.results.follow()
        self._settings_changed()

    def _connect(self) -> None:
        sections, runs, dialogs = self.sections, self.runs, self.dialogs
        self.document.events.revision.connect(self._settings_changed)
        self.document.events.revision.connect(self._forget_error)
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
        runs.asked.connect(dialogs.ask)
        runs.ended.connect(self._settings_changed)
        self.panel.start_wanted.connect(runs.start)
        self.try_here.clicked.connect(runs.try_here)
        self.outcome.uncertainty.toggled.connect(self.results.show_uncertainty)
        self.outcome.three_d.toggled.connect(self._show_3d)
        self.outcome.side_by_side.toggled.connect(self.results.show_beside)
        self.outcome.save.clicked.connect(dialogs.result)
        self.outcome.export.clicked.connect(runs.export)
        self.outcome.movie.toggled.connect(self._movie)
        self.turntable.moved.connect(self._say_movie)
        self.turntable.ended.connect(self._end_movie)
        self.outcome.bring_back.clicked.connect(runs.bring_back)
        self.results.changed.connect(self._show_result)
        self.watch_layers(self._layers_changed, runs.layer_removed)
        for emitter in (
            self.viewer.layers.selection.events.active,
            self.viewer.dims.events.ndisplay,
            self.viewer.canvas.grid.events.enabled,
        ):
            self.listen(emitter, self.results.follow)
        self.listen(self.viewer.layers.events.inserted, self._consider)
        self.outlast(runs)
        runs.timed.connect(self._settings_changed)
        self.at_end(self.flaws.job.abandon)
        self.at_end(self.turntable.cancel)
        self.at_end(self.results.release)
        self.ask_before_closing(lambda: self.results.unsaved)
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
        self.results.changed.emit()  # another truth may be chosen
        cost, reason = self.document.judge()
        if not reason:
            self.runs.warm_up()
        self.panel.set_estimate(cost)
        self.panel.set_reason(reason)

    def _forget_error(self, _revision: int = 0) -> None:
        """What was wrong was so of other settings or layers."""
        self.outcome.error.hide()

    def _consider(self, event: Any) -> None:
        self.offer.consider(event.value)

    def _open_sample(self, _link: str) -> None:
        self.runs.open_sample()

    def _open_adapt(self) -> None:
        open_dock(self.viewer, "Adapt prior")

    def _compare(self) -> None:
        """Hand the chosen result and its truth to the dock that compares."""
        dock = open_dock(self.viewer, "Compare with ground truth")
        dock.choose(self.results.truth, [self.results.volume])
        dock.start()

    def _show_3d(self, on: bool) -> None:
        if warning := self.results.show_3d(on):
            self.outcome.warn(warning)

    def _movie(self, on: bool) -> None:
        """Make a movie of the result, or cancel the one that is being made."""
        if not on:
            self.turntable.cancel()
        elif (path := self.dialogs.movie()) is not None:
            self._show_3d(True)
            self._movie_path = path
            self.turntable.start(path)
        else:
            self.outcome.movie.setChecked(False)

    def _say_movie(self, share: float) -> None:
        self.outcome.say(f"The movie is being made: {100 * share:.0f} %")

    def _end_movie(self, reason: str) -> None:
        with signals_blocked(self.outcome.movie):
            self.outcome.movie.setChecked(False)
        self.outcome.say(reason or f"Saved: {self._movie_path}")

    def _layers_changed(self) -> None:
        self.sections.refresh_layers()
        self.offer.forget_missing(self.viewer.layers)
        self.results.follow()

    def _show_result(self) -> None:
        busy = self.runs.activity.text.lower() if self.runs.activity is not None else ""
        self.outcome.show_result(self.results, f"Wait until this is done: {busy}" if busy else "")

    def restyle(self, appearance: Appearance) -> None:
        """Follow the theme in what is drawn here."""
        link = f'<a href="sample" style="color: {appearance.text}">open a sample</a>'
        self.empty.setText(f"Drop a projection TIFF here, or {link}.")

    # Qt
