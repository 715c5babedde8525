"""The dock "Reconstruct video": projections with a time axis resolved in depth, and traces of regions."""

from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from ...errors import UserError
from ...stacks.metadata import known_of
from ...tasks.exporting import free_path
from ...tasks.imports import warm_up
from ...tasks.opening import LayersMade, Question, ReadFile, make_video_sample
from ...tasks.progress import Saved
from ...tasks.video.saving import SaveTraces, SaveVolumes
from ...video.nwb import check_nwb
from ...video.outputs import VideoOutputs
from ..beam.preview import show_beam
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..reconstruct.dialogs import IMAGES, MODELS, answer_to
from ..reconstruct.opening import put_scale
from ..reconstruct.preferences import Preferences
from ..widgets.dock import Dock, open_dock
from ..widgets.form import switch
from ..widgets.message_panel import MessagePanel
from ..widgets.section import button, flow, label
from ..widgets.theme import Appearance
from .activities import OpeningVideo, ResolvingVideo
from .document import VideoDocument
from .sections import Sections
from .traces import TracesSection

VIDEOS = "OME-Zarr, opens fastest (*.ome.zarr);;OME-TIFF (*.ome.tif)"
TRACES = "Table (*.csv);;Neurodata Without Borders (*.nwb)"
NOTHING_YET = "There is nothing to save yet."


class VideoWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.document = VideoDocument()
        self.preferences = Preferences()
        self.preferences.start(self.document)
        # Draws take long and tell of the structure alone.
        self.document.ask({"method.samples": 0})
        self.sections = Sections(self.document, napari_viewer)
        self.traces = TracesSection(napari_viewer)
        self.panel = RunPanel("Reconstruct video", "Volumes arrive in a layer of their own.", has_slices=True)
        self.panel.follow.setText("follow frame")
        self.panel.follow.setToolTip(
            "<qt>Show the frames as they arrive. Moving the time slider yourself ends it.</qt>"
        )
        self.panel.stop.setToolTip("<qt>End now and keep the frames that are done.</qt>")
        self.messages = MessagePanel()
        self.save = button("Save volumes…")
        self.messages.column.addLayout(flow(self.save))
        self.runner = Runner(self.panel, self.messages, self)
        self.last: ResolvingVideo | None = None
        self.empty = label(tone="empty", wrap=True)
        self.empty.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.fill((self.empty, *self.sections.all(), self.traces), (self.panel, self.messages))
        self._connect()
        self._settings_changed()

    def _connect(self) -> None:
        sections, document = self.sections, self.document
        for settings in (document, document.video):
            settings.events.revision.connect(self._settings_changed)
        self.empty.linkActivated.connect(self._open_sample)
        sections.projections.open_file.clicked.connect(self._ask_video)
        sections.projections.calibrate.clicked.connect(self._read_scale)
        sections.beam.form.preview.clicked.connect(self._show_beam)
        sections.diffusion.adapt.clicked.connect(self._open_adapt)
        sections.diffusion.prior.file_wanted.connect(self._ask_prior)
        self.traces.save.clicked.connect(self._ask_traces)
        self.save.clicked.connect(self._ask_volumes)
        self.panel.start_wanted.connect(self.start)
        self.runner.began.connect(self._show_saving)
        self.runner.ended.connect(self._show_saving)
        self.runner.finished.connect(self._settle)
        self.watch_layers(sections.refresh_layers, self._layer_removed)
        self.outlast(self.runner)
        self.ask_before_closing(self._not_saved)
        self.at_end(sections.beam.form.abandon)
        self.bind("Ctrl+Alt+V", self.panel.button.click, self.panel.button)

    # What the dock can be asked to do

    def start(self) -> None:
        """Resolve the chosen frames."""
        found = self.document.projections
        if found is None or self.runner.is_running:
            return
        try:
            task = self.document.task()
        except UserError as error:
            self.runner.fail(str(error))
            return
        has_regions = self.document.regions is not None
        self.runner.begin(
            ResolvingVideo(
                task,
                self.viewer,
                found,
                task.acquisition,
                has_regions,
                self.panel,
                self.messages,
                self.traces,
            )
        )

    def open_file(self, path: str, **choice: Any) -> None:
        """Open a file and leave its frames there; with a choice as `ReadFile` takes it."""
        self.runner.begin(OpeningVideo(ReadFile(path, lazily=True, **choice), self.viewer, self.sections))

    def save_volumes(self, path: Path) -> None:
        """Write the volumes, the regions beside them, and what made them."""
        run = self.last
        if run is None or run.resolved is None or run.layers.volumes is None:
            return
        stem = path.name.partition(".ome.")[0]
        path = path if ".ome." in path.name else path.with_name(f"{path.name}.ome.zarr")
        outputs = VideoOutputs(path, regions=path.with_name(f"{stem} regions.ome.tif"))
        volumes, n = run.layers.volumes, run.acquisition.step_length
        try:
            source = run.projections.source_of(volumes)
            outputs.check([] if source.path is None else [source.path])
        except UserError as error:
            self.runner.fail(str(error))
            return
        task = SaveVolumes(outputs, run.resolved.finished, volumes.data, run.regions, source, n)

        def take(event: Any) -> None:
            self.runner.say_where(event)
            run.is_saved |= isinstance(event, Saved)

        self.runner.begin(Activity("Saving", task, take, keeps_messages=True))

    def save_traces(self, path: Path) -> None:
        """Write the traces, .csv or .nwb."""
        run = self.last
        if run is None or run.resolved is None:
            return
        path = path if path.suffix in (".csv", ".nwb") else path.with_name(f"{path.name}.csv")
        try:
            if path.suffix == ".nwb":
                check_nwb(path)
        except UserError as error:
            self.runner.fail(str(error))
            return
        task = SaveTraces(path, run.resolved.finished, run.regions)
        self.runner.begin(Activity("Saving", task, self.runner.say_where, keeps_messages=True))

    # What comes of it

    def _settings_changed(self, _revision: int = 0) -> None:
        self.empty.setVisible(self.document.projections is None)
        if self.document.projections is not None:
            # napari takes the latter with its first layer of labels, in the middle of a run.
            warm_up(("napari_microdiffusion.video.reconstruction", "pandas"))
        plan, reason = self.document.judge()
        self.panel.set_estimate(plan)
        self.panel.set_reason(reason)
        self._show_saving()

    def _show_saving(self, _text: str = "") -> None:
        busy = f"Wait until this is done: {self.runner.text.lower()}" if self.runner.is_running else ""
        reason = busy or ("" if self.last is not None else NOTHING_YET)
        switch(self.save, reason, "<qt>The volumes with their scale, the regions and the settings.</qt>")
        switch(self.traces.save, reason, "<qt>A table, or what suite2p, CaImAn and others read (NWB).</qt>")
        self.save.setVisible(self.last is not None)

    def _settle(self, activity: Activity) -> None:
        if isinstance(activity, OpeningVideo) and activity.question is not None:
            answer = answer_to(activity.question, self)
            if answer is None:
                self.runner.fail(activity.question.message)
            else:
                self.open_file(activity.question.path, **answer)
        elif isinstance(activity, ResolvingVideo) and activity.resolved is not None:
            self.last = activity
            if not activity.resolved.finished.stopped:
                activity.resolved.remaining.teach(self.document.speed)
            # Below what was set, which may fill the dock.
            self.reveal(self.traces)

    def _not_saved(self) -> list[str]:
        """The volumes that no file holds."""
        volumes = None if self.last is None or self.last.is_saved else self.last.layers.volumes
        return [volumes.name] if volumes is not None and volumes in self.viewer.layers else []

    def _layer_removed(self, layer: Any) -> None:
        self.document.forget_layer(layer)
        if self.document.regions is layer:
            self.document.change(regions=None)
        self.runner.layer_removed(layer)
        if self.last is not None and layer is self.last.layers.volumes:
            self.last = None
            self.traces.clear()
            self._show_saving()

    # Questions

    def _ask_video(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.window(), "Open a video", self.preferences.folder("open"), IMAGES
        )
        if path:
            self.preferences.store_folder("open", Path(path))
            self.open_file(path)

    def _ask_prior(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window(), "Choose a prior", "", MODELS)
        if path:
            self.sections.diffusion.use_prior(path)

    def _ask_volumes(self) -> None:
        if path := self._new("Save the volumes", ".ome.zarr", VIDEOS):
            self.save_volumes(path)

    def _ask_traces(self) -> None:
        if path := self._new("Save the traces", ".csv", TRACES):
            self.save_traces(path)

    def _new(self, title: str, ending: str, kinds: str) -> Path | None:
        if self.last is None:
            return None
        beside = known_of(self.last.projections.layer).get("path")
        folder = self.preferences.folder("save") or (Path(beside).parent if beside else Path.home())
        suggested = free_path(Path(folder), self.last.layers.name, ending)
        path, _ = QFileDialog.getSaveFileName(self.window(), title, str(suggested), kinds)
        if not path:
            return None
        self.preferences.store_folder("save", Path(path))
        return Path(path)

    def _read_scale(self) -> None:
        found = self.document.projections
        if found is None or not found.layer.source.path:
            return

        def take(event: Any) -> None:
            if isinstance(event, Question):
                self.messages.fail(event.message)
            if isinstance(event, LayersMade):
                if reason := put_scale(event, found.layer):
                    self.messages.fail(reason)
                self.sections.projections.take()

        task = ReadFile(str(found.layer.source.path), lazily=True)
        self.runner.begin(Activity("Reading the scale", task, take, needed=[found.layer]))

    def _show_beam(self) -> None:
        found = self.document.projections
        try:
            if found is not None:
                acquisition = self.document.acquisition
                place = found.volume_placement(acquisition.step_length)
                show_beam(self.viewer, acquisition, place, self.document.volume_shape)
        except UserError as error:
            self.runner.fail(str(error))

    def _open_adapt(self) -> None:
        open_dock(self.viewer, "Adapt prior")

    def _open_sample(self, _link: str) -> None:
        self.runner.begin(OpeningVideo(make_video_sample, self.viewer, self.sections))

    def restyle(self, appearance: Appearance) -> None:
        """Follow the theme in what is drawn here."""
        link = f'<a href="sample" style="color: {appearance.text}">open a sample</a>'
        self.empty.setText(f"Open projections with a time axis with … below, or {link}.")
