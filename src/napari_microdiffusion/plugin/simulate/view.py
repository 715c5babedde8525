"""The dock "Simulate projections": what a long beam would have seen of a volume, and how deep it may be."""

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QTabWidget

from ...errors import UserError
from ...optics import Acquisition, DetectorNoise, check_step_lengths
from ..beam.preview import show_beam
from ..document import STEP_LENGTH, FormSettings, RunDocument
from ..jobs.activity import Activity
from ..jobs.job import Source, sentence
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..layers.metadata import METADATA_KEY, known_beam
from ..layers.stack import Stack
from ..widgets.dock import Dock
from ..widgets.message_panel import MessagePanel
from ..widgets.theme import Appearance
from .sections import DetectorSection, VolumeSection
from .tabs import ProjectionsTab, SweepSettings, SweepTab
from .tasks import PointReady, Simulate, Simulated, Sweep

if TYPE_CHECKING:
    from napari import Viewer

SIMULATE, SWEEP = "Simulate projections", "Sweep the step length"
NO_VOLUME = "Open a volume first: a stack of slices as a point scan saw it."


class SimulateWidget(Dock):
    """The dock.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.document = RunDocument()
        self.noise = FormSettings(model=DetectorNoise)
        self.sweep_settings = FormSettings(model=SweepSettings)
        self.detector = DetectorSection(self.document, self.noise)
        self.projections_tab = ProjectionsTab(self.document)
        self.sweep_tab = SweepTab(self.document, self.sweep_settings)
        self.volume = VolumeSection(self.document, napari_viewer)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.projections_tab, "Projections")
        self.tabs.addTab(self.sweep_tab, "How deep?")
        self.panel = RunPanel(SIMULATE, "The result is a layer of its own.")
        self.messages = MessagePanel()
        self.runner = Runner(self.panel, self.messages, self)
        self.fill((self.volume, self.detector, self.tabs), (self.panel, self.messages))
        for settings in (self.document, self.noise, self.sweep_settings):
            settings.events.revision.connect(self._settings_changed)
        self.sweep_tab.picked.connect(self._take_step_length)
        self.detector.form.preview_wanted.connect(self._show_beam)
        self.tabs.currentChanged.connect(self._settings_changed)
        self.panel.start_wanted.connect(self.start)
        layers = self.viewer.layers.events
        for emitter in (layers.inserted, layers.renamed, layers.units):
            self.listen(emitter, self._layers_changed)
        self.listen(layers.removed, self._layer_removed)
        self.at_end(self.runner.abandon)
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
            noise = self.noise.made()
            if self.is_sweep:
                acquisitions, config = self._swept(stack), self.sweep_tab.config()
                task = Sweep(stack.data, acquisitions, config, noise)
                self.runner.begin(Sweeping(task, stack, self.sweep_tab, self.messages))
            else:
                acquisition = self.document.acquisition
                self.runner.begin(
                    Simulating(Simulate(stack.data, acquisition, noise), self, stack, acquisition)
                )
        except UserError as error:
            self.runner.fail(str(error))

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
        lengths = self.sweep_tab.step_lengths(stack.shape[0])
        return [self.document.acquisition_at(n) for n in lengths]

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

    def _layers_changed(self, _event: Any = None) -> None:
        self.volume.refresh()

    def _layer_removed(self, event: Any) -> None:
        self.runner.layer_removed(event.value)
        self.volume.refresh()

    def restyle(self, appearance: Appearance) -> None:
        """Follow the theme in what is drawn here."""
        self.detector.form.plot.set_appearance(appearance)
        self.sweep_tab.plot.set_appearance(appearance)


class Simulating(Activity):
    """Projections on their way into the viewer."""

    text = "Simulating"
    done = "The projections are ready."

    def __init__(self, source: Source, dock: SimulateWidget, stack: Stack, acquisition: Any) -> None:
        super().__init__(source)
        self._dock, self._stack, self._acquisition = dock, stack, acquisition

    def needs(self, layer: Any) -> bool:
        """The volume."""
        return bool(layer == self._stack.layer)

    def handle(self, event: Any) -> None:
        """Add the layer."""
        if not isinstance(event, Simulated):
            return
        stack, n = self._stack, self._acquisition.step_length
        notes = "" if not event.dropped else f" The last {event.dropped} slices fill no slab."
        known = {
            "role": "projections",
            **known_beam(self._acquisition),
            "truth": stack.layer.name,
            "path": None,
            "notes": [],
        }
        layer = self._dock.viewer.add_image(
            event.projections,
            name=f"{stack.name} projections n{n}",
            contrast_limits=event.limits,
            metadata={METADATA_KEY: known},
            **stack.placement.of_projections(n).layer_arguments(),
        )
        count, height, width = event.projections.shape
        views = self._acquisition.views
        twice = ", each in two views" if views == 2 else ""
        self._dock.messages.say(
            f"“{layer.name}”: {count // views} slabs of {height} × {width}{twice}.{notes}"
        )


class Sweeping(Activity):
    """A sweep whose points appear one after the other."""

    text = "Sweeping"
    done = "The sweep is done."
    can_stop = True

    def __init__(self, source: Source, stack: Stack, tab: SweepTab, messages: MessagePanel) -> None:
        super().__init__(source)
        self._stack, self._tab, self._messages = stack, tab, messages
        tab.begin(stack)

    def needs(self, layer: Any) -> bool:
        """The volume."""
        return bool(layer == self._stack.layer)

    def handle(self, event: Any) -> None:
        """Plot a point."""
        if isinstance(event, PointReady):
            self._tab.add(event.point)
            self._messages.say(self._tab.answer())
