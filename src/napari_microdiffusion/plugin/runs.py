"""Starts what the dock is asked to do, follows it to its end, and keeps what came of it."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..errors import UserError
from ..io import ImageStack, read_table
from ..reconstruction.config import ReconstructionConfig
from .activities import Activity, Calibrating, FittingInr, Opening, Reconstructing, Saving
from .activity_dock import ActivityDock
from .guide_section import HeldInr
from .job import End, Job, sentence, warm_up
from .layers import ResultLayers
from .outcome_panel import OutcomePanel
from .run_panel import RunPanel
from .sections import Sections
from .tasks import MakeSample, ReadFile, Reconstruction, SaveResult, outputs_for

if TYPE_CHECKING:
    from napari import Viewer

# An INR fitted on its own is kept as the field says it, so neither diffusion nor consistency.
INR_ALONE = {"guide": "inr", "diffusion": "off", "inr_file": None, "samples": 0, "consistency": "none"}


class Runs(QObject):
    """The dock's jobs, one at a time.

    Parameters
    ----------
    viewer : napari.Viewer
    sections : Sections
    panel : RunPanel
    outcome : OutcomePanel
    parent : QObject
    """

    ended = Signal()

    def __init__(
        self, viewer: "Viewer", sections: Sections, panel: RunPanel, outcome: OutcomePanel, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.viewer, self.sections, self.panel, self.outcome = viewer, sections, panel, outcome
        self.job = Job(self)
        self.activity: Activity | None = None
        self.last: Reconstructing | None = None
        self._reason = ""
        self._inr_folder: Path | None = None
        self.job.arrived.connect(self._handle)
        self.job.flushed.connect(self._flush)
        self.job.ended.connect(self._end)
        self._is_warm = False
        self._activity_dock = ActivityDock()

    @property
    def is_running(self) -> bool:
        """Whether something is being done."""
        return self.job.is_running

    def warm_up(self) -> None:
        """Once there are projections the engine will be wanted; torch still waits for a run."""
        if not self._is_warm and self.sections.projections.layer is not None:
            self._is_warm = True
            warm_up("napari_microdiffusion.reconstruction.engine")

    def open_file(self, path: str) -> None:
        """Read a file with our reader and choose it."""
        self._begin(Opening(ReadFile(path), self.viewer, self.sections.projections))

    def open_sample(self) -> None:
        """Open a sample and choose its projections."""
        self._begin(Opening(MakeSample(), self.viewer, self.sections.projections))

    def read_calibration(self) -> None:
        """Read the scale of the chosen layer from its file."""
        section = self.sections.projections
        layer = section.layer
        if layer is not None and layer.source.path:
            self._begin(Calibrating(ReadFile(str(layer.source.path)), section, layer, self.outcome))

    def start(self) -> None:
        """Reconstruct."""
        found = self.sections.projections.projections
        if found is None or self.is_running:
            return
        try:
            acquisition, config = self.sections.acquisition(), self.sections.config()
        except UserError as error:
            self.fail(str(error))
            return
        n, (slabs, height, width) = acquisition.step_length, found.shape
        truth = self.sections.truth.layer
        low, high = found.layer.contrast_limits
        layers = ResultLayers(
            self.viewer,
            found.name,
            found.placement.of_volume(n),
            (slabs * n, height, width),
            n,
            (float(low), float(high)),
            truth,
        )
        task = Reconstruction(found.data, acquisition, config, None if truth is None else truth.data)
        self.last = None
        self._begin(Reconstructing(task, found, layers, self.panel, self.outcome))

    def fit_inr(self) -> None:
        """Fit an INR on its own and show its slices."""
        found = self.sections.projections.projections
        if found is None or self.is_running:
            return
        try:
            acquisition = self.sections.acquisition()
            config = self.sections.config().model_copy(update=INR_ALONE)
        except UserError as error:
            self.fail(str(error))
            return
        guide = self.sections.guide
        guide.open()
        task = Reconstruction(found.data, acquisition, config)
        self._begin(FittingInr(task, self.viewer, found, acquisition.step_length, guide))

    def stop(self) -> None:
        """End the run and keep the best of every slab."""
        if self.is_running:
            self.panel.ending("Stopping …")
            self.job.stop()

    def cancel(self, reason: str = "") -> None:
        """End what is running and keep nothing of it; the reason is told afterwards."""
        if self.is_running:
            self._reason = reason
            self.panel.ending("Cancelling …")
            self.job.cancel()

    def abandon(self) -> None:
        """Cancel without a word; the dock is going."""
        self.job.abandon()
        self._activity_dock.end()
        self.activity = None

    def layer_removed(self, layer: Any) -> None:
        """Cancel what cannot go on without a layer; forget a result that the person took away."""
        self.sections.forget_layer(layer)
        if self.activity is not None and self.activity.needs(layer):
            self.cancel(f"The layer “{layer.name}” was removed, so this was cancelled.")
        elif self.last is not None and layer == self.last.layers.volume:
            self.last = None
            self.outcome.clear()

    def save_to(self, path: Path) -> None:
        """Write the last result: volume, uncertainty and settings."""
        if self.last is None or self.is_running:
            return
        result, found, placement = self.last.result, self.last.projections, self.last.placement
        known_path = found.known.get("path") or found.layer.source.path
        source = ImageStack(
            data=found.data,
            scale=placement.scale if placement.is_known else None,
            unit=placement.units[-1],
            path=Path(known_path) if known_path else None,
            name=found.name,
        )
        outputs = outputs_for(path, result.uncertainty is not None)
        try:
            outputs.check(ReconstructionConfig(**result.provenance["settings"]), [source.path])
        except UserError as error:
            self.fail(str(error))
            return
        self._begin(Saving(SaveResult(outputs, result, source), self.outcome))

    def load_inr(self, path: Path) -> None:
        """Use an INR from a file."""
        try:
            kind = read_table(path).kind
            if kind != "inr":
                raise UserError(f"{path.name} holds a model of kind {kind!r}; an INR is needed.")
        except UserError as error:
            self.fail(str(error))
            return
        self.sections.guide.hold(HeldInr(path.name, path))
        self.sections.guide.set_guide("inr")

    def save_inr(self, path: Path) -> None:
        """Write the INR that was fitted here; from then on it is read from that file."""
        held = self.sections.guide.usable_inr
        if held is None or held.fitted is None:
            return
        path = path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")
        try:
            held.fitted.save(path)
        except UserError as error:
            self.fail(str(error))
            return
        self.sections.guide.hold(HeldInr(f"saved as {path.name}", path, held.belongs_to, held.fitted))

    def fail(self, text: str, defect: BaseException | None = None) -> None:
        """Show what went wrong, in the dock and in napari; a traceback only for a defect of the program."""
        from napari.utils.notifications import notification_manager, show_error

        text = sentence(text)
        self.outcome.fail(text)
        if defect is None:
            show_error(text)
        else:
            notification_manager.receive_error(type(defect), defect, defect.__traceback__)

    def _begin(self, activity: Activity) -> None:
        if self.is_running:
            return
        self.activity, self._reason = activity, ""
        if isinstance(activity, Saving):
            self.outcome.error.hide()
        else:
            self.outcome.clear()
        self.panel.begin(activity.text, activity.can_stop)
        self.sections.guide.set_busy(f"Wait until this is done: {activity.text.lower()}")
        self.outcome.enable_save(f"Wait until this is done: {activity.text.lower()}")
        self._activity_dock.begin(activity.text)
        self.job.start(activity.source)

    def _handle(self, event: Any) -> None:
        # After a layer was removed the rest of the stream has nowhere to go.
        if self.activity is not None and not self._reason:
            self.panel.handle(event)
            self._activity_dock.handle(event)
            self.activity.handle(event)

    def _flush(self) -> None:
        if self.activity is not None and not self._reason:
            self.activity.flush()

    def _end(self, end: End) -> None:
        activity, self.activity = self.activity, None
        self._activity_dock.end()
        self.panel.idle()
        self.sections.guide.set_busy("")
        self.outcome.enable_save("")
        if activity is None:
            return
        activity.ended(end)
        if end.cancelled:
            self.outcome.clear()
            self.outcome.say(self._reason or "Cancelled; nothing of it is kept.")
        elif end.message:
            self.fail(end.message, end.defect)
        elif isinstance(activity, Reconstructing):
            self.last = activity
            self._keep_inr(activity.result, "fitted in the last run")
        elif isinstance(activity, FittingInr):
            self._keep_inr(activity.result, "fitted")
        self.ended.emit()

    def _keep_inr(self, result: Any, text: str) -> None:
        """Hold an INR that was fitted in a run, for the next one."""
        if result.inr is None or result.provenance["settings"]["inr_file"] is not None:
            return
        if self._inr_folder is None:
            self._inr_folder = Path(tempfile.mkdtemp(prefix="microdiffusion-"))
            weakref.finalize(self, shutil.rmtree, self._inr_folder, ignore_errors=True)
        path = self._inr_folder / "fitted.safetensors"
        result.inr.save(path)
        self.sections.guide.hold(HeldInr(text, path, self.sections.inr_identity(), result.inr))
        self.sections.guide.set_guide("inr")
