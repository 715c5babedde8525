"""The dock "Simulate projections": what a long beam would have seen of a volume, and how deep it may be."""

from typing import Any

from napari import Viewer
from qtpy.QtWidgets import QTabWidget

from ...errors import UserError
from ...optics import Acquisition, DetectorNoise, check_step_lengths
from ...optics.placement import short_unit
from ...settings.asked import STEP_LENGTH
from ...settings.wording import sentence
from ...stacks.metadata import METADATA_KEY, known_beam
from ...stacks.stack import Stack
from ...studies.sweep_settings import SweepSettings
from ...tasks.simulating import PointReady, Simulate, Simulated, Sweep
from ...tasks.threads import spare_threads
from ..beam.preview import show_beam
from ..document import FormSettings, RunDocument
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..widgets.dock import Dock
from ..widgets.message_panel import MessagePanel
from .sections import DetectorSection, VolumeSection
from .tabs import ProjectionsTab, SweepTab

SIMULATE, SWEEP = "Simulate projections", "Sweep the step length"
NO_VOLUME = "Open a volume first: a stack of slices as a point scan saw it."


class SimulateWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.document = RunDocument()
        self.noise = FormSettings(model=DetectorNoise)
        self.sweep_settings = FormSettings(model=SweepSettings)
        self.detector = DetectorSection(self.document, self.noise)
        self.projections_tab = ProjectionsTab(self.document)
        self.sweep_tab = SweepTab(self.document, self.sweep_settings)
        self.volume = VolumeSection(self.document, napari_viewer)
        self.tabs = QTabWidget()
        bar = self.tabs.tabBar()
        if bar is not None:
            bar.setAccessibleName("Projections, or a sweep of the step length")
        self.tabs.addTab(self.projections_tab, "Projections")
        self.tabs.addTab(self.sweep_tab, "Depth sweep")
        self.panel = RunPanel(SIMULATE, "The result is a layer of its own.")
        self.messages = MessagePanel()
        self.runner = Runner(self.panel, self.messages, self)
        self.fill((self.volume, self.detector, self.tabs), (self.panel, self.messages))
        for settings in (self.document, self.noise, self.sweep_settings):
            settings.events.revision.connect(self._settings_changed)
        self.sweep_tab.picked.connect(self._take_step_length)
        self.detector.form.preview.clicked.connect(self._show_beam)
        self.tabs.currentChanged.connect(self._settings_changed)
        self.panel.start_wanted.connect(self.start)
        self.watch_layers(self.volume.refresh, self.runner.layer_removed)
        self.outlast(self.runner)
        self.at_end(self.detector.form.abandon)
        self.bind("Ctrl+Alt+P", self.panel.button.click, self.panel.button)
        self._settings_changed()

    @property
    def is_sweep(self) -> bool:
        """Whether the second tab is in front."""
        return bool(self.tabs.currentWidget() is self.sweep_tab)

    def start(self) -> None:
        """Do what the tab in front offers."""
        stack = self.document.projections
        if stack is None or self.runner.is_running:
            return
        try:
            activity = self._sweeping(stack) if self.is_sweep else self._simulating(stack)
        except UserError as error:
            self.runner.fail(str(error))
            return
        self.runner.begin(activity)

    def judge(self) -> str:
        """Why nothing can be started; nothing where it can."""
        stack = self.document.projections
        if stack is None:
            return NO_VOLUME
        try:
            self.noise.made()
            if self.is_sweep:
                self._swept(stack)
            else:
                check_step_lengths([self.document.value(STEP_LENGTH)], stack.shape[0])
                self.document.acquisition  # noqa: B018 - raises what is wrong with it
        except UserError as error:
            return sentence(str(error))
        return ""

    def _swept(self, stack: Stack) -> list[Acquisition]:
        lengths = self.sweep_settings.made().lengths(stack.shape[0])
        return [self.document.run.acquisition_at(n) for n in lengths]

    def _settings_changed(self, _change: int = 0) -> None:
        self.panel.button.setText(SWEEP if self.is_sweep else SIMULATE)
        self.panel.set_reason(self.judge())

    def _show_beam(self) -> None:
        stack = self.document.projections
        try:
            if stack is None:
                raise UserError(NO_VOLUME)
            show_beam(self.viewer, self.document.acquisition, stack.placement, stack.shape)
        except UserError as error:
            self.runner.fail(str(error))

    def _take_step_length(self, n: float) -> None:
        self.document.ask({STEP_LENGTH: int(n)})

    def _simulating(self, stack: Stack) -> Activity:
        acquisition = self.document.acquisition

        def take(event: Any) -> None:
            if isinstance(event, Simulated):
                self._add_projections(event, stack, acquisition)

        return Activity(
            "Simulating",
            Simulate(stack.data, acquisition, self.noise.made()),
            take,
            needed=[stack.layer],
            done="The projections are ready.",
        )

    def _sweeping(self, stack: Stack) -> Activity:
        swept, placement, tab = self.sweep_settings.made(), stack.placement, self.sweep_tab
        depth = (placement.scale[0], short_unit(placement.units[0])) if placement.is_known else ()

        def take(event: Any) -> None:
            if isinstance(event, PointReady):
                tab.add(event.point)
                if len(tab.points) == 1:
                    self.reveal(tab.plot)
                self.messages.say(event.answer(tab.points, *depth))

        tab.begin()
        return Activity(
            "Sweeping",
            Sweep(stack.data, self._swept(stack), swept.config(spare_threads()), self.noise.made()),
            take,
            needed=[stack.layer],
            done="The sweep is done.",
            can_stop=True,
        )

    def _add_projections(self, event: Simulated, stack: Stack, acquisition: Acquisition) -> None:
        n, views = acquisition.step_length, acquisition.views
        known = {
            "role": "projections",
            **known_beam(acquisition),
            "truth": stack.layer.name,
            "path": None,
            "notes": [],
        }
        layer = self.viewer.add_image(
            event.projections,
            name=f"{stack.name} projections n{n}",
            contrast_limits=event.limits,
            metadata={METADATA_KEY: known},
            **stack.placement.of_projections(n).layer_arguments(),
        )
        count, height, width = event.projections.shape
        twice = ", each in two views" if views == 2 else ""
        notes = "" if not event.dropped else f" The last {event.dropped} slices fill no slab."
        self.messages.say(f"“{layer.name}”: {count // views} slabs of {height} × {width}{twice}.{notes}")
