"""What a prior is adapted to, from what, and for how long."""

from typing import Any

from napari import Viewer
from qtpy.QtCore import Signal

from ...stacks.metadata import known_of
from ...stacks.roles import why_no_reference
from ...stacks.stack import Stack
from ..document import FormSettings
from ..widgets.form import Form, tooltip
from ..widgets.layer_list import VolumeList
from ..widgets.prior_chooser import PriorChooser
from ..widgets.section import Section, column, label, titled


class ReferencesSection(Section):
    """Choice of the volumes to learn from."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("Reference volumes", is_open=True, page="adapting")
        self._viewer = viewer
        self.list = VolumeList("references", "Point-scanned volumes; tick those to learn from.")
        self.list.itemChanged.connect(self._tell)
        self._hint = label(tone="dim", wrap=True)
        self.set_content(column(self.list, self._hint))
        self.refresh()

    @property
    def chosen(self) -> list[Stack]:
        """The ticked volumes; of further axes the first."""
        return [Stack(layer, (0,) * (layer.ndim - 3)) for layer in self.list.ticked]

    def reason(self) -> str:
        """Why nothing can be learned; nothing where it can."""
        if not self.list.layers:
            return "Open a reference volume first: a stack of slices as a point scan saw it."
        return "" if self.list.ticked else "Tick a reference volume."

    def refresh(self) -> None:
        """Take the list from the viewer."""
        reasons = {layer: why_no_reference(layer) for layer in self._viewer.layers}
        fitting = [layer for layer, reason in reasons.items() if not reason]
        truths = [layer for layer in fitting if known_of(layer).get("role") == "ground truth"]
        self.list.show_layers(fitting, truths)
        self.list.setVisible(bool(fitting))
        said = [f"{reason}." for reason in reasons.values() if reason]
        self._hint.setText("\n".join(said[:3]) if not fitting and said else "" if fitting else "None yet.")
        self._hint.setVisible(not fitting)
        self._tell()

    def _tell(self, _item: Any = None) -> None:
        count = len(self.list.ticked)
        self.set_state("none" if not count else f"{count} volume{'s' * (count > 1)}")
        self.changed.emit()


class PriorSection(Section):
    """Where the adaptation starts, and how long it takes.

    Parameters
    ----------
    settings : FormSettings
        Of the model `AdaptSettings`.
    """

    file_wanted = Signal()

    def __init__(self, settings: FormSettings) -> None:
        super().__init__("Prior", is_open=True)
        self.settings = settings
        field = settings.fields["prior"]
        self.start = PriorChooser("start")
        self.start.box.native.setToolTip(tooltip(field))
        start = titled(field.title, self.start, tooltip(field))
        self.set_content(column(start, Form(settings, ("minutes", "seed"))))
        self.start.chosen.connect(self.use_prior)
        self.start.file_wanted.connect(self.file_wanted)
        settings.events.revision.connect(self.refresh)
        self.refresh()

    def use_prior(self, prior: str) -> None:
        """Choose a prior to start from: "general", or a file."""
        self.settings.ask({"prior": prior})

    def refresh(self, _revision: int = 0) -> None:
        """Show what is set."""
        self.start.show_prior(self.settings.value("prior"))
        self.set_state(f"{self.start.words}, {self.settings.value('minutes'):g} min")
