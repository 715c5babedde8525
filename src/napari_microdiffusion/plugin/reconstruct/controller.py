"""What the dock "Reconstruct volume" can be asked to do, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QWidget

from ...errors import Cancelled, RunFailed, UserError
from ...io.formats.ome_zarr.folders import HEADERS
from ...optics import Acquisition
from ...reconstruction.cost.speed import MachineSpeed
from ...reconstruction.events import CancelToken
from ...settings.files import parts_of, read_run
from ...settings.method import ReconstructionConfig
from ...stacks.parts import Part, part_marked
from ...stacks.projections import Projections
from ...stacks.series import ProjectionSeries
from ...stacks.stack import Stack
from ...tasks.held_inr import HeldInr
from ...tasks.imports import warm_up
from ...tasks.large_stacks.focus import Focus
from ...tasks.large_stacks.reconstructing import GrowingVolumes
from ...tasks.opening import LayersMade, Question, ReadFile, make_sample
from ...tasks.reconstructing import Reconstruction
from ...tasks.remaining import Remaining, SeriesRemaining
from ...tasks.several.series import SeriesReconstruction
from ..beam.preview import show_beam
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..layers.result import ResultLayers, looked_at
from ..layers.series import SeriesLayers
from .activities import FittingInr, Reconstructing, ReconstructingSeries
from .document import NO_PROJECTIONS, ReconstructionDocument
from .opening import Opening, put_scale
from .outcome_panel import OutcomePanel
from .results import Results
from .saved_settings import SETTINGS_SUFFIXES
from .saving import Saving
from .sections.together import Sections

# An INR fitted on its own is shown as the field says it, so neither diffusion nor consistency.
NEEDED_BY_A_RUN = ("napari_microdiffusion.reconstruction.engine", "scipy.special", "scipy.optimize")
# How often it is looked whether the machine has been timed.
_LOOK_MS = 250
INR_ALONE = {"guide": "inr", "diffusion": "off", "inr_file": None, "samples": 0, "consistency": "none"}


class Controller(Saving):
    """The dock's jobs."""

    asked = Signal(object)
    timed = Signal()

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
        super().__init__(document, panel, outcome, results, parent)
        self.lost: list[Image] = []
        self.viewer, self.sections = viewer, sections
        self.last: Reconstructing | None = None
        self._warming: Thread | None = None
        self._timing_cancel = CancelToken()
        self.began.connect(self._end_timing)
        self._timing = QTimer(self)
        self._timing.setInterval(_LOOK_MS)
        self._timing.timeout.connect(self._look_at_timing)
        self.began.connect(self._switch_off)
        self.ended.connect(self._switch_on)
        self.finished.connect(self._settle)

    def warm_up(self) -> None:
        """Once a run can begin it will be wanted, and what it needs is imported before the click.

        Where nothing is known of the machine's speed, a short run is timed then, until another begins.
        """
        if not self.document.method.needs_torch:
            warm_up(NEEDED_BY_A_RUN)
            return
        speed = self.document.speed
        cancel = CancelToken()
        then = None if speed.is_known else partial(_time_machine, speed, cancel)
        started = warm_up((*NEEDED_BY_A_RUN, "torch"), then)
        if started is not None and then is not None:
            self._warming, self._timing_cancel = started, cancel
            self._timing.start()

    def _end_timing(self, _text: str) -> None:
        self._timing_cancel.cancel()

    def _look_at_timing(self) -> None:
        if self._warming is None or not self._warming.is_alive():
            self._timing.stop()
            self.timed.emit()

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
        """Reconstruct; of several time points one after the other, into one image."""
        if self.document.is_series:
            self._start_series(self.document.series)
        elif self.document.projections is not None:
            self._start(self.document.projections)

    def _start(self, found: Projections) -> None:
        document, part = self.document, found.part
        if self.is_running:
            return
        if (settings := self._settings()) is None:
            return
        acquisition, config = settings
        is_whole = found.is_same_as(document.projections)
        if not is_whole:
            config = config.model_copy(update={"inr_file": None})  # an INR belongs to what it was fitted to
        self.preferences.store(document)
        truth, place = document.truth, found.volume_placement(acquisition.step_length)
        low, high = found.layer.contrast_limits

        def add_layers(empty: np.ndarray | GrowingVolumes) -> ResultLayers:
            limits = (float(low), float(high))
            return ResultLayers(self.viewer, found.name, place, empty, acquisition, limits, truth)

        held = document.usable_inr if config.guide == "inr" and is_whole else None
        task = Reconstruction(
            found.data,
            acquisition,
            config,
            None if truth is None else Stack(truth, part=part).data,
            None if held is None else held.fitted,
            self._second_view(part),
            document.reference_of(found),
            Focus(looked_at(self.viewer, found.layer)),
        )
        self.last = None
        remaining = Remaining(document.cost(acquisition, config, found.shape[1:]))
        self.begin(
            Reconstructing(task, found, add_layers, self.panel, self.outcome, self.sections, remaining)
        )

    def _start_series(self, series: ProjectionSeries) -> None:
        document = self.document
        if self.is_running:
            return
        if (settings := self._settings()) is None:
            return
        acquisition, config = settings
        self.preferences.store(document)
        place, limits = series.placement(acquisition.step_length), tuple(series.layer.contrast_limits)

        def add_layers(empty: Any) -> SeriesLayers:
            return SeriesLayers(self.viewer, series, place, empty, acquisition, limits)

        task = SeriesReconstruction(
            series,
            acquisition,
            config.model_copy(update={"inr_file": None}),  # an INR belongs to what it was fitted to
            document.second_view,
            document.reference_of(series.first),
        )
        self.last = None
        remaining = SeriesRemaining(document.cost(acquisition, config), len(series))
        self.begin(
            ReconstructingSeries(
                task, series.first, add_layers, self.panel, self.outcome, self.sections, remaining
            )
        )

    def _settings(self) -> tuple[Acquisition, ReconstructionConfig] | None:
        """The settings of a run; says why where they cannot be."""
        try:
            return self.document.acquisition_of_run(), self.document.method_of_run()
        except UserError as error:
            self.fail(str(error))
            return None

    def fit_inr(self) -> None:
        """Fit an INR on its own and show its slices."""
        found = self.document.projections
        if found is None or self.is_running:
            return
        if (settings := self._settings()) is None:
            return
        acquisition, config = settings[0], settings[1].model_copy(update=INR_ALONE)
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
            if activity.projections.is_same_as(self.document.projections) and not activity.is_series:
                self._hold_inr(activity.result, "fitted in the last run")
            if activity.projections.part is not None:
                self.outcome.warn("This is a part alone; noise and grey levels were judged without the rest.")
        elif isinstance(activity, FittingInr):
            self._learn_speed(activity)
            self._hold_inr(activity.result, "fitted")

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


def _time_machine(speed: MachineSpeed, cancel: CancelToken) -> None:
    """Time a short run, in a thread of its own."""
    from ...reconstruction.cost.timing import time_machine
    from ...reconstruction.engine import reconstruct

    try:
        time_machine(speed, partial(reconstruct, cancel=cancel))
    except (Cancelled, UserError, RunFailed):
        return  # the person's own run teaches the speed, or says what hinders this one
