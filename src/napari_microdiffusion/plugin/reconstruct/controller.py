"""What the dock "Reconstruct volume" can be asked to do, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QWidget

from ...errors import UserError
from ...io import read_table
from ...io.formats.ome_zarr.folders import HEADERS
from ...optics.placement import TURNED
from ...reconstruction.outputs import Outputs
from ...settings.files import parts_of, read_run
from ...settings.method import ReconstructionConfig
from ...stacks.metadata import known_of
from ...stacks.parts import Part, part_marked
from ...stacks.placement import Placement
from ...stacks.projections import Projections
from ...stacks.stack import Stack
from ...tasks.exporting import ExportSixteenBits, SaveLayers, SaveResult, as_layers_hold, is_edited
from ...tasks.held_inr import HeldInr
from ...tasks.opening import LayersMade, Question, ReadFile, make_sample
from ...tasks.reconstructing import Reconstruction
from ...tasks.remaining import Remaining
from ...tasks.threads import Source, warm_up
from ..beam.preview import show_beam
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..layers.result import ResultLayers
from .activities import FittingInr, Reconstructing
from .document import NO_PROJECTIONS, ReconstructionDocument
from .opening import Opening, put_scale
from .outcome_panel import OutcomePanel
from .preferences import Preferences
from .results import Results
from .saved_settings import SETTINGS_SUFFIXES
from .sections.together import Sections

# An INR fitted on its own is shown as the field says it, so neither diffusion nor consistency.
INR_ALONE = {"guide": "inr", "diffusion": "off", "inr_file": None, "samples": 0, "consistency": "none"}


class Controller(Runner):
    """The dock's jobs."""

    asked = Signal(object)

    def __init__(
        self,
        viewer: Viewer,
        document: ReconstructionDocument,
        sections: Sections,
        panel: RunPanel,
        outcome: OutcomePanel,
        results: Results,
        parent: QWidget,
    ) -> None:
        super().__init__(panel, outcome, parent)
        self.results = results
        self.lost: list[Image] = []
        self.viewer, self.document, self.sections, self.outcome = viewer, document, sections, outcome
        self.last: Reconstructing | None = None
        self.preferences = Preferences()
        self._is_warm = False
        self._later: list[Projections] = []
        self.began.connect(self._switch_off)
        self.ended.connect(self._switch_on)
        self.finished.connect(self._settle)

    def warm_up(self) -> None:
        """Once there are projections the engine will be wanted; torch still waits for a run."""
        if not self._is_warm and self.document.projections is not None:
            self._is_warm = True
            warm_up("napari_microdiffusion.reconstruction.engine")

    def open_file(self, path: str, others: tuple[str, ...] = (), **choice: Any) -> None:
        """Read files with our reader and choose what they hold; with a choice as `ReadFile` takes it."""
        if not self.begin(Opening(ReadFile(path, others=others, **choice), self.viewer, self.sections)):
            self.outcome.say(f"“{Path(path).name}” was not opened: open it again when this is done.")

    def open_path(self, path: str, *others: str) -> None:
        """Open images, or use the settings in a file of settings."""
        if others:
            self.open_file(path, others=others)
        elif not path.lower().endswith(SETTINGS_SUFFIXES) or Path(path).name in HEADERS:
            self.open_file(path)
        else:
            self._use_of(lambda: read_run(path))

    def use_settings(self, record: Mapping[str, Any]) -> None:
        """Use the settings of an earlier result, as its file tells them."""
        self._use_of(lambda: parts_of(record, "this result"))

    def _use_of(self, read: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        try:
            self.document.use(read())
        except UserError as error:
            self.fail(str(error))
            return
        path = self.document.method.inr_file
        if path is not None and path.is_file():
            self.document.change(inr=HeldInr(path.name, path))
        self.outcome.say("These settings are in use.")

    def open_sample(self) -> None:
        """Open a sample and choose its projections."""
        self.begin(Opening(make_sample, self.viewer, self.sections))

    def reopen(self) -> None:
        """Read the file of the chosen layer with our reader, and choose what comes of it."""
        found = self.document.projections
        if found is None or self.is_running:
            return
        layer = found.layer
        if layer.source.path:
            layer.visible = False
            task = ReadFile(str(layer.source.path))
            self.begin(Opening(task, self.viewer, self.sections, is_again=True))

    def read_calibration(self) -> None:
        """Read the scale of the chosen layer from its file."""
        found = self.document.projections
        if found is None or not found.layer.source.path:
            return

        def take(event: Any) -> None:
            if isinstance(event, Question):
                self.outcome.fail(event.message)
            if isinstance(event, LayersMade):
                if reason := put_scale(event, found.layer):
                    self.outcome.fail(reason)
                self.sections.projections.take()

        task = ReadFile(str(found.layer.source.path))
        self.begin(Activity("Reading the scale", task, take, needed=[found.layer]))

    def try_here(self) -> None:
        """Reconstruct what a rectangle marks or the window shows, to see in seconds what the settings do."""
        found, layers = self.document.projections, self.viewer.layers
        if found is not None:
            self._start(replace(found, part=part_marked(found.layer, layers, layers.selection.active)))

    def start(self) -> None:
        """Reconstruct; of several time points one after the other."""
        if self.document.projections is not None and not self.is_running:
            first, *self._later = self.sections.projections.each
            self._start(first)

    def _start(self, found: Projections) -> None:
        document, part = self.document, found.part
        if self.is_running:
            return
        try:
            acquisition, config = document.acquisition_of_run(), document.method_of_run()
        except UserError as error:
            self.fail(str(error))
            return
        is_whole = found.is_same_as(document.projections)
        if not is_whole:
            config = config.model_copy(update={"inr_file": None})  # an INR belongs to what it was fitted to
        self.preferences.store(document)
        n, slabs, (height, width) = acquisition.step_length, document.slabs, found.shape[1:]
        truth = document.truth
        low, high = found.layer.contrast_limits
        layers = ResultLayers(
            self.viewer,
            found.name,
            found.volume_placement(n),
            (slabs * n, height, width),
            acquisition,
            (float(low), float(high)),
            truth,
        )
        held = document.usable_inr if config.guide == "inr" and is_whole else None
        task = Reconstruction(
            found.data,
            acquisition,
            config,
            None if truth is None else Stack(truth, part=part).data,
            None if held is None else held.fitted,
            self._second_view(part),
            document.reference_of(found),
        )
        self.last = None
        remaining = Remaining(document.cost(acquisition, config, found.shape[1:]))
        self.begin(Reconstructing(task, found, layers, self.panel, self.outcome, self.sections, remaining))

    def fit_inr(self) -> None:
        """Fit an INR on its own and show its slices."""
        found = self.document.projections
        if found is None or self.is_running:
            return
        try:
            acquisition = self.document.acquisition_of_run()
            config = self.document.method_of_run().model_copy(update=INR_ALONE)
        except UserError as error:
            self.fail(str(error))
            return
        self.sections.guide.open()
        task = Reconstruction(found.data, acquisition, config, second_view=self._second_view())
        remaining = Remaining(self.document.cost(acquisition, config))
        self.begin(FittingInr(task, self.viewer, found, acquisition, self.sections, remaining))

    def show_beam(self) -> None:
        """Show the beam as it is set among the layers."""
        found = self.document.projections
        try:
            if found is None:
                raise UserError(NO_PROJECTIONS)
            acquisition = self.document.acquisition
            n = acquisition.step_length
            shape = (self.document.slabs * n, *found.shape[1:])
            show_beam(self.viewer, acquisition, found.volume_placement(n), shape)
        except UserError as error:
            self.fail(str(error))

    def _second_view(self, part: Part | None = None) -> Any:
        second = self.document.second_view
        return None if second is None else replace(second, part=part).data

    def layer_removed(self, layer: Any) -> bool:
        """Cancel what cannot go on without a layer; offer an unsaved result that was taken away again."""
        self.document.forget_layer(layer)
        self.results.layer_removed(layer)
        if super().layer_removed(layer):
            return True
        run = self.results.runs.get(layer)
        if run is not None:
            for gone in self.lost:
                self.results.runs.pop(gone, None)
            self.lost = [] if run.is_saved else [layer]
            if run.is_saved:
                del self.results.runs[layer]
            self.outcome.clear()
            self.outcome.offer_back("" if run.is_saved else layer.name)
        if self.last is run:
            self.last = None
        return False

    def bring_back(self) -> None:
        """Put a removed result among the layers again."""
        for layer in self.lost:
            self.viewer.add_layer(layer)
        self.lost = []
        self.outcome.offer_back("")

    def save_to(self, path: Path) -> None:
        """Write the chosen result: volume, uncertainty and settings, as the layers hold them now."""
        volume, uncertainty, run = self.results.volume, self.results.uncertainty, self.results.run
        if volume is None or self.is_running:
            return
        outputs = Outputs.beside(path, uncertainty is not None)
        try:
            if run is None:
                task: Source = SaveLayers(outputs, volume, uncertainty)
            else:
                source, result = (
                    run.projections.source_of(volume),
                    as_layers_hold(run.result, volume, uncertainty),
                )
                outputs.check(ReconstructionConfig(**result.provenance["settings"]), [source.path])
                task = SaveResult(outputs, result, source)
        except UserError as error:
            self.fail(str(error))
            return

        def take(event: Any) -> None:
            self.say_where(event)
            if run is not None and not Placement.of_layer(volume).is_upright:
                self.outcome.warn(TURNED.format(volume.name))
            if run is not None:
                run.is_saved = True
                if is_edited(run.result, volume, uncertainty):
                    self.outcome.warn("The layers were edited since the run; the files hold them so.")

        self.begin(Activity("Saving", task, take, keeps_messages=True))

    def export(self) -> None:
        """Write the chosen result in 16 bits, beside the projections or where the last result was saved."""
        volume, run = self.results.volume, self.results.run
        if volume is None or self.is_running:
            return
        known = known_of(volume).get("path") if run is None else run.projections.known.get("path")
        folder = Path(known).parent if known else Path(self.preferences.folder("save") or Path.home())
        lies = Placement.of_layer(volume)
        scale = None if lies == Placement() else lies.scale
        task = ExportSixteenBits(volume.data, folder, volume.name, scale, lies.units[-1], lies.translate)
        self.begin(Activity("Exporting", task, self.say_where, keeps_messages=True))

    def load_inr(self, path: Path) -> None:
        """Use an INR from a file."""
        try:
            kind = read_table(path).kind
            if kind != "inr":
                raise UserError(f"{path.name} holds a model of kind {kind!r}; an INR is needed.")
        except UserError as error:
            self.fail(str(error))
            return
        self.document.ask({"method.guide": "inr"}, inr=HeldInr(path.name, path))

    def save_inr(self, path: Path) -> None:
        """Write the INR that was fitted here."""
        held = self.document.usable_inr
        if held is None or held.fitted is None:
            return
        path = path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")
        try:
            held.fitted.save(path)
        except UserError as error:
            self.fail(str(error))
            return
        self.document.change(inr=HeldInr(f"saved as {path.name}", path, held.belongs_to, held.fitted))

    def _switch_off(self, text: str) -> None:
        self.sections.guide.set_busy(f"Wait until this is done: {text.lower()}")
        self.outcome.show_result(self.results, f"Wait until this is done: {text.lower()}")

    def _switch_on(self) -> None:
        self.sections.guide.set_busy("")
        self.outcome.show_result(self.results, "")

    def _settle(self, activity: Activity) -> None:
        if isinstance(activity, Opening) and activity.question is not None:
            self.asked.emit(activity.question)
        elif isinstance(activity, Opening) and activity.said:
            self.outcome.say(activity.said)
        elif isinstance(activity, Reconstructing):
            self.last = self.results.runs[activity.layers.volume] = activity
            self.results.follow()
            if activity.projections.is_same_as(self.document.projections):
                self._learn_speed(activity)
                self._hold_inr(activity.result, "fitted in the last run")
            if activity.projections.part is not None:
                self.outcome.warn("A part alone: its noise and grey levels were judged without the rest.")
            if activity.result.stopped:
                self._later = []
            if self._later:
                QTimer.singleShot(0, self._go_on)
        elif isinstance(activity, FittingInr):
            self._learn_speed(activity)
            self._hold_inr(activity.result, "fitted")

    def _go_on(self) -> None:
        """Reconstruct the next time point."""
        if self._later and not self.is_running:
            self._start(self._later.pop(0))

    def _learn_speed(self, activity: Activity) -> None:
        if activity.remaining is not None:
            activity.remaining.teach(self.document.speed)

    def _hold_inr(self, result: Any, text: str) -> None:
        """Hold an INR that was fitted in a run, for the next one; a failed fit never comes here."""
        held = self.document.inr
        if result.inr is None or result.provenance["settings"]["inr_file"] is not None:
            return
        if held is not None and result.inr is held.fitted:
            return
        fitted = HeldInr(text, None, self.document.inr_identity, result.inr)
        self.document.ask({"method.guide": "inr"}, inr=fitted)
