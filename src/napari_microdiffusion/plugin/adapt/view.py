"""The dock "Adapt prior": trains the diffusion's prior further on volumes of one's own tissue."""

from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtWidgets import QFileDialog

from ...tasks.adapting import Adapted, AdaptPrior, AdaptSettings, Loss, Solved, TooShort
from ...tasks.threads import spare_threads
from ..document import FormSettings
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..widgets.dock import Dock
from ..widgets.line_plot import LinePlot
from ..widgets.message_panel import MessagePanel
from ..widgets.prior_chooser import AdaptedPriors
from ..widgets.section import Section, column, label
from .sections import PriorSection, ReferencesSection

ABOUT = (
    "The shipped prior has learned from procedural tissue. A few point-scanned volumes of your own tissue, "
    "in voxels like those to be reconstructed, teach it what yours looks like."
)


class AdaptWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.references = ReferencesSection(napari_viewer)
        self.settings = FormSettings(model=AdaptSettings)
        self.prior = PriorSection(self.settings)
        self.training = Section("Training", is_open=True)
        self.plot = LinePlot("step", height=150, is_logarithmic=True)
        self.plot.setToolTip("<qt>Loss of the training, averaged over ten steps: lower is better.</qt>")
        self._idle = label("The loss is shown here while the prior learns.", tone="dim", wrap=True)
        self.training.set_content(column(self._idle, self.plot))
        self.panel = RunPanel("Adapt prior", "Asks for a file, then trains; the prior can be used at once.")
        self.messages = MessagePanel()
        self.runner = Runner(self.panel, self.messages, self)
        about = label(ABOUT, tone="dim", wrap=True)
        self.fill((about, self.references, self.prior, self.training), (self.panel, self.messages))
        self.plot.hide()
        self.references.changed.connect(self._settings_changed)
        self.panel.start_wanted.connect(self._ask_where)
        self.prior.file_wanted.connect(self._ask_prior)
        self.watch_layers(self.references.refresh, self.runner.layer_removed)
        self.outlast(self.runner)
        self.bind("Ctrl+Alt+A", self.panel.button.click, self.panel.button)
        self._settings_changed()

    def adapt_to(self, path: Path) -> None:
        """Adapt the prior to the ticked volumes and save it."""
        stacks = self.references.chosen
        if not stacks or self.runner.is_running:
            return
        path = path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")
        task = AdaptPrior([stack.data for stack in stacks], self.settings.made(), path, spare_threads())
        self.plot.clear()
        self._idle.hide()
        self.plot.show()
        self.reveal(self.plot)
        needed = [stack.layer for stack in stacks]
        self.runner.begin(
            Activity("Adapting", task, self._take, needed, "The prior is adapted.", can_stop=True)
        )

    def _settings_changed(self) -> None:
        self.panel.set_reason(self.references.reason())

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self.window(), "Save the adapted prior", "adapted.safetensors", "Checkpoints (*.safetensors)"
        )
        if path:
            self.adapt_to(Path(path))

    def _ask_prior(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.window(), "Choose a prior to start from", "", "Checkpoints (*.safetensors)"
        )
        if path:
            self.prior.use_prior(path)

    def _take(self, event: Any) -> None:
        """Plot the loss; offer the adapted prior."""
        if isinstance(event, Loss):
            self.plot.add(event.step, event.loss)
        elif isinstance(event, TooShort):
            self.messages.warn(str(event))
        elif isinstance(event, Solved | Adapted):
            self.messages.say(str(event))
            if isinstance(event, Adapted):
                AdaptedPriors.of_session().add(event.path, event.is_better)
