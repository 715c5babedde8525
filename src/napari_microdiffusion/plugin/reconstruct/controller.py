"""What the dock "Reconstruct volume" can be asked to do, and what comes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from ...errors import UserError
from ...io import ImageStack, read_table
from ...io.formats.ome_zarr.folders import HEADERS
from ...settings.files import parts_of, read_run
from ...settings.method import ReconstructionConfig
from ..beam.preview import show_beam
from ..jobs.activity import Activity
from ..jobs.job import Saved, warm_up
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..layers.result import ResultLayers
from .activities import FittingInr, Opening, Reconstructing, put_scale
from .document import NO_PROJECTIONS, HeldInr, ReconstructionDocument
from .outcome_panel import OutcomePanel
from .preferences import Preferences
from .saved_settings import SETTINGS_SUFFIXES
from .sections.together import Sections
from .tasks import LayersMade, MakeSample, Question, ReadFile, Reconstruction, SaveResult

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
        parent: QWidget,
    ) -> None:
        super().__init__(panel, outcome, parent)
        self.viewer, self.document, self.sections, self.outcome = viewer, document, sections, outcome
        self.last: Reconstructing | None = None
        self.preferences = Preferences()
        self._is_warm = False
        self.began.connect(self._switch_off)
        self.ended.connect(self._switch_on)
        self.finished.connect(self._settle)

    def warm_up(self) -> None:
        """Once there are projections the engine will be wanted; torch still waits for a run."""
        if not self._is_warm and self.document.projections is not None:
            self._is_warm = True
            warm_up("napari_microdiffusion.reconstruction.engine")

    def open_file(self, path: str, **choice: Any) -> None:
        """Read a file with our reader and choose it; with a choice as `ReadFile` takes it."""
        self.begin(Opening(ReadFile(path, **choice), self.viewer, self.sections.projections))

    def open_path(self, path: str) -> None:
        """Open an image, or use the settings in a file of settings."""
        if not path.lower().endswith(SETTINGS_SUFFIXES) or Path(path).name in HEADERS:
            self.open_file(path)
            return
        try:
            self._use(read_run(path))
        except UserError as error:
            self.fail(str(error))

    def use_settings(self, record: Mapping[str, Any]) -> None:
        """Use the settings of an earlier result, as its file tells them."""
        try:
            self._use(parts_of(record, "this result"))
        except UserError as error:
            self.fail(str(error))

    def _use(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Use the settings of an earlier run; raises `UserError` for those that cannot be."""
        self.document.use(parts)
        path = self.document.method.inr_file
        if path is not None and path.is_file():
            self.document.change(inr=HeldInr(path.name, path))
        self.outcome.say("These settings are in use.")

    def open_sample(self) -> None:
        """Open a sample and choose its projections."""
        self.begin(Opening(MakeSample(), self.viewer, self.sections.projections))

    def reopen(self) -> None:
        """Read the file of the chosen layer with our reader, and choose what comes of it."""
        found = self.document.projections
        if found is None or self.is_running:
            return
        layer = found.layer
        if layer.source.path:
            layer.visible = False
            self.open_file(str(layer.source.path))

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

    def start(self) -> None:
        """Reconstruct."""
        document, found = self.document, self.document.projections
        if found is None or self.is_running:
            return
        try:
            acquisition, config = document.acquisition_of_run(), document.method_of_run()
        except UserError as error:
            self.fail(str(error))
            return
        self.preferences.store(document)
        n, slabs, (height, width) = acquisition.step_length, document.slabs, found.shape[1:]
        truth = document.truth
        low, high = found.layer.contrast_limits
        layers = ResultLayers(
            self.viewer,
            found.name,
            found.placement.of_volume(n),
            (slabs * n, height, width),
            acquisition,
            (float(low), float(high)),
            truth,
        )
        held = document.usable_inr if config.guide == "inr" else None
        task = Reconstruction(
            found.data,
            acquisition,
            config,
            None if truth is None else truth.data,
            None if held is None else held.fitted,
            self._second_view(),
        )
        self.last = None
        self.begin(Reconstructing(task, found, layers, self.panel, self.outcome, self.sections))

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
        self.begin(FittingInr(task, self.viewer, found, acquisition, self.sections))

    def show_beam(self) -> None:
        """Show the beam as it is set among the layers."""
        found = self.document.projections
        try:
            if found is None:
                raise UserError(NO_PROJECTIONS)
            acquisition = self.document.acquisition
            n = acquisition.step_length
            shape = (self.document.slabs * n, *found.shape[1:])
            show_beam(self.viewer, acquisition, found.placement.of_volume(n), shape)
        except UserError as error:
            self.fail(str(error))

    def _second_view(self) -> Any:
        second = self.document.second_view
        return None if second is None else second.data

    def layer_removed(self, layer: Any) -> bool:
        """Cancel what cannot go on without a layer; forget a result that the person took away."""
        self.document.forget_layer(layer)
        if super().layer_removed(layer):
            return True
        if self.last is not None and layer == self.last.layers.volume:
            self.last = None
            self.outcome.clear()
        return False

    def save_to(self, path: Path) -> None:
        """Write the last result: volume, uncertainty and settings."""
        if self.last is None or self.is_running:
            return
        from ...reconstruction.outputs import Outputs

        result, found, placement = self.last.result, self.last.projections, self.last.placement
        known_path = found.known.get("path") or found.layer.source.path
        source = ImageStack(
            data=found.data,
            scale=placement.scale if placement.is_known else None,
            unit=placement.units[-1],
            origin=placement.translate if placement.is_known else None,
            path=Path(known_path) if known_path else None,
            name=found.name,
        )
        outputs = Outputs.beside(path, result.uncertainty is not None)
        try:
            outputs.check(ReconstructionConfig(**result.provenance["settings"]), [source.path])
        except UserError as error:
            self.fail(str(error))
            return

        def take(event: Any) -> None:
            if isinstance(event, Saved):
                self.outcome.say("Saved: " + ", ".join(event.files.values()))

        self.begin(Activity("Saving", SaveResult(outputs, result, source), take, keeps_messages=True))

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
        self.outcome.enable_save(f"Wait until this is done: {text.lower()}")

    def _switch_on(self) -> None:
        self.sections.guide.set_busy("")
        self.outcome.enable_save("")

    def _settle(self, activity: Activity) -> None:
        if isinstance(activity, Opening) and activity.question is not None:
            self.asked.emit(activity.question)
        elif isinstance(activity, Reconstructing):
            self.last = activity
            self._hold_inr(activity.result, "fitted in the last run")
        elif isinstance(activity, FittingInr):
            self._hold_inr(activity.result, "fitted")

    def _hold_inr(self, result: Any, text: str) -> None:
        """Hold an INR that was fitted in a run, for the next one; a failed fit never comes here."""
        held = self.document.inr
        if result.inr is None or result.provenance["settings"]["inr_file"] is not None:
            return
        if held is not None and result.inr is held.fitted:
            return
        fitted = HeldInr(text, None, self.document.inr_identity, result.inr)
        self.document.ask({"method.guide": "inr"}, inr=fitted)
