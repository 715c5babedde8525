"""One view of every slab, or two with mirrored beams, and where the second one is."""

from typing import Any

from magicgui.widgets import ComboBox
from napari import Viewer
from qtpy.QtWidgets import QWidget

from ...stacks.roles import why_no_projections
from ...stacks.stack import Stack
from ..document import RunDocument
from ..widgets.form import narrow, tooltip
from ..widgets.layer_chooser import LayerChooser
from ..widgets.section import form, title_of

VIEWS = "acquisition.views"
ONE, STACKED, APART = "one", "stacked", "apart"
_WORDS = {ONE: "one", STACKED: "two, one after the other", APART: "two, the mirrored in another layer"}


class ViewsChoice(QWidget):
    """How many views there are; the second may lie in the same stack or in a layer of its own.

    Parameters
    ----------
    viewer : napari.Viewer, optional
        Where the layer of the mirrored view is looked for; without one there is no such choice.
    """

    def __init__(self, document: RunDocument, viewer: Viewer | None = None) -> None:
        super().__init__()
        self.document = document
        places = [(words, place) for place, words in _WORDS.items() if viewer is not None or place != APART]
        self.box = ComboBox(choices=places)
        self.box.native.setObjectName(VIEWS)
        self.box.native.setToolTip(
            "<qt>Two where every slab was also recorded with the mirrored beam. In one stack all "
            "projections of the first view come first, then those of the second.</qt>"
        )
        self.box.changed.connect(self._choose)
        self._rows = form()
        self._rows.setContentsMargins(0, 0, 0, 0)
        field = document.fields[VIEWS]
        self._rows.addRow(title_of(field.title, self.box.native, tooltip(field)), narrow(self.box.native))
        self.chooser: LayerChooser | None = None
        if viewer is not None:
            self.chooser = LayerChooser(viewer, self._why_no_mirror, "mirrored view")
            self._rows.addRow(title_of("Mirrored view", self.chooser), self.chooser)
            self.chooser.changed.connect(self._choose_layer)
        self.setLayout(self._rows)
        document.events.revision.connect(self.show_views)
        self.show_views()

    def show_views(self, _revision: int = 0) -> None:
        """Show what is set."""
        place = ONE if self.document.value(VIEWS) == 1 else APART if self.document.is_apart else STACKED
        with self.box.changed.blocked():
            self.box.value = place if place in self.box.choices else STACKED
        if self.chooser is not None:
            self._rows.setRowVisible(self.chooser, place == APART)

    def refresh(self) -> None:
        """Take the list of layers from the viewer."""
        if self.chooser is not None:
            self.chooser.refresh()

    def release(self) -> None:
        """Let go of the settings."""
        self.box.changed.disconnect()
        self.box.close()

    def _choose(self, place: Any) -> None:
        self.document.ask({VIEWS: 1 if place == ONE else 2}, is_apart=place == APART)

    def _choose_layer(self) -> None:
        assert self.chooser is not None
        layer = self.chooser.layer
        self.document.change(mirrored=None if layer is None else Stack(layer, self.chooser.chosen))

    def _why_no_mirror(self, layer: Any) -> str:
        first = self.document.projections
        if first is None:
            return "Choose projections first"
        if reason := why_no_projections(layer):
            return reason
        if layer == first.layer:
            return f"“{layer.name}” is the first view"
        if Stack(layer).shape != first.shape:
            return f"“{layer.name}” has another size than the first view"
        return ""
